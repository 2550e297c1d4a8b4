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
const program = 'test/mutation/tests.mjs'
const reachFile = 'test/mutation/reach.json'

await bundle(replaceHelpers())
writeFileSync(reachFile, '{}')
execFileSync(process.execPath, [program, reachFile], { stdio: ['ignore', 'inherit', 'inherit'] })

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
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // As deep as the tests themselves: they find documents by their own place.
    outfile: program,
    banner: {
      js: [
        `import { createRequire as toRequire } from 'node:module'`,
        `const require = toRequire(import.meta.url)`,
        `const { pathname: __filename } = new URL(import.meta.url)`,
        `const { pathname: __dirname } = new URL('.', import.meta.url)`,
      ].join('\n'),
    },
    logLevel: 'warning',
  })
}
