/**
 * Makes one program of the unit tests of one folder and all that they import, since it starts in a
 * quarter of the time, and runs it once to see which test reaches which mutant. Stryker calls this
 * in its sandbox, where `src/` holds every mutant; `play.mjs` says which of them is alive.
 */
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { folders } from './folder.mjs'

const [folder] = process.argv.slice(2)
const reachFile = 'test/mutation/reach.json'

shortenWaits()
await bundle(replaceHelpers())
writeFileSync(reachFile, '{}')
execFileSync(process.execPath, ['test/mutation/start.mjs', reachFile], {
  stdio: ['ignore', 'inherit', 'inherit'],
})

/** What a mutant makes wait in vain need not wait a minute for the little that is waited for here. */
function shortenWaits() {
  const path = 'test/fixtures/condition.ts'
  const code = readFileSync(path, 'utf8')
  const shorter = code.replace('patienceMs = 60_000', 'patienceMs = 10_000')
  if (shorter === code) throw new Error(`${path} says otherwise how long it waits.`)
  writeFileSync(path, shorter)
}

/**
 * Stryker's own helpers count too much for each mutant, and too little for an endless loop.
 * @returns the mutants of each file
 */
function replaceHelpers() {
  const ours = 'let { cover: stryCov_9fa48, isAlive: stryMutAct_9fa48 } = globalThis.mutation\n'
  const mutants = {}
  for (const name of readdirSync(`src/${folder}`)) {
    const path = `src/${folder}/${name}`
    const code = readFileSync(path, 'utf8')
    const numbers = code.match(/(?<=\bstryMutAct_9fa48\(")\d+(?="\))/g)
    if (numbers === null) continue
    mutants[`${folder}/${name}`] = numbers
    writeFileSync(path, ours + code.replace(/(?<=function )(?=stry(Cov|MutAct)_9fa48\()/g, 'un'))
  }
  return mutants
}

async function bundle(mutants) {
  const tests = folders[folder].tests()
  await build({
    stdin: {
      contents: `
        import { play } from './test/mutation/play.mjs'
        play(${JSON.stringify(mutants)}, [
          ${tests.map((name) => `['${name}', () => import('./test/${name}')],`).join('\n')}
        ])`,
      resolveDir: '.',
    },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // As deep as the tests themselves: they find documents by their own place.
    outfile: 'test/mutation/tests.cjs',
    define: { 'import.meta.url': 'importMetaUrl' },
    logLevel: 'warning',
  })
}
