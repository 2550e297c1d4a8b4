/**
 * Makes one program of the unit tests of one folder, with all that they import: it starts in a
 * quarter of the time. Stryker calls this in its sandbox, whose `src/` holds every mutant; the
 * environment variable says which of them is alive.
 */
import { build } from 'esbuild'
import { readdirSync, readFileSync } from 'node:fs'
import { folders } from './folder.mjs'

const [folder] = process.argv.slice(2)
const tests = folders[folder].tests()

/** The mutants of each source file, by the numbers that Stryker gave them. */
const mutants = Object.fromEntries(
  readdirSync(`src/${folder}`)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const code = readFileSync(`src/${folder}/${name}`, 'utf8')
      return [`${folder}/${name}`, code.match(/(?<=stryMutAct_\w+\(")\d+(?="\))/g) ?? []]
    }),
)

const program = `
  import t from 'tap'

  // Of the report only what failed is worth keeping.
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text) => {
    for (const [line] of String(text).matchAll(/^ *not ok.*$/gm)) write(line + '\\n')
    return true
  }

  // A tenth of this is enough, but a slow machine is no reason to call a mutant dead.
  t.setTimeout(300_000)

  const tests = [
    ${tests.map((name) => `['${name}', () => import('./test/${name}')],`).join('\n    ')}
  ]
  const mutants = ${JSON.stringify(mutants)}
  const alive = process.env.__STRYKER_ACTIVE_MUTANT__
  const first = tests.find(([name]) => mutants[name]?.includes(alive))
  for (const [, load] of new Set(first === undefined ? tests : [first, ...tests])) await load()
`

await build({
  stdin: { contents: program, resolveDir: '.' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // As deep as the tests themselves: they find documents by their own place.
  outfile: 'test/mutation/tests.mjs',
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
