/**
 * `npm run mutate`: changes the source in small ways, one at a time, and lists the changes that no
 * unit test notices. What was found is kept: a mutant of unchanged code that was killed once is not
 * tried again, one that survived is.
 */
import { Stryker } from '@stryker-mutator/core'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { dirname, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { folders } from './folder.mjs'

const usage = `
Usage: npm run mutate [-- [--again] [FOLDER | FILE[:FIRST-LAST]]...]

  FOLDER   a folder below src: ${Object.keys(folders).join(', ')}; default: all of them
  FILE     a file, or some of its lines, as in src/relay/lane.ts:20-80
  --again  tries those as well that were killed before, since tests or tools have changed

Needs a POSIX shell. Results are kept in .mutation/, a report to read in .mutation/*.html.
The first run takes 5 to 20 minutes for each folder, and longer on a busy machine: one process at
low priority. An interrupted run keeps the earlier results, but none of its own.
`

/** What the sandbox does without. */
const ignorePatterns = ['.mutation', '.tap', 'data', 'dist']
const results = '.mutation'
const sandbox = `${results}/sandbox-${process.pid}`
/** Printed where a mutant ended its process by too much processor time, or memory. */
const stopped = 'not ok: stopped by a signal'
/** As `play.mjs` prints it. */
const loop = 'not ok: an endless loop'

const chosen = readArguments()
setPriority(15)
// The first failure is enough.
process.env.TAP_BAIL = '1'
process.env.CONTRACT_RUNS = '200'
// What never stops asking for memory is to stop early. Not an argument: V8's cache is only good
// for the same options.
process.env.NODE_OPTIONS = '--max-old-space-size=512'
mkdirSync(results, { recursive: true })
process.on('exit', () => {
  rmSync(sandbox, { recursive: true, force: true })
})
const summary = {}
for (const [folder, patterns] of chosen.patterns) {
  console.log(`\n${patterns.join(' ')}`)
  summary[folder] = await mutate(folder, patterns)
}
console.table(summary)

/** @returns for each folder the patterns of what is to be mutated in it */
function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: { again: { type: 'boolean', default: false }, help: { type: 'boolean' } },
      allowPositionals: true,
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    const patterns = new Map()
    for (const name of positionals.length === 0 ? Object.keys(folders) : positionals) {
      const folder = folderOf(name)
      const pattern = folder === name ? `src/${folder}/*.ts` : name
      patterns.set(folder, [...(patterns.get(folder) ?? []), pattern])
    }
    return { patterns, again: values.again }
  } catch (error) {
    console.error(`${error.message}\n${usage}`)
    process.exit(64)
  }
}

function folderOf(name) {
  const folder = Object.keys(folders).find(
    (folder) => name === folder || name.startsWith(`src/${folder}/`),
  )
  if (folder === undefined)
    throw new Error(`${name} is neither a folder to mutate nor a file in one.`)
  return folder
}

/** @returns its row of the summary */
async function mutate(folder, patterns) {
  const name = folder.replaceAll('/', '-')
  const incrementalFile = `${results}/${name}.json`
  forgetSurvivors(incrementalFile, patterns)
  const { cpuSeconds } = folders[folder]
  const mutants = await new Stryker({
    testRunner: 'command',
    commandRunner: {
      command:
        `ulimit -c 0 && ulimit -t ${cpuSeconds} && ` +
        'node test/mutation/start.mjs || ' +
        `{ [ $? -lt 128 ] || echo '${stopped}'; exit 1; }`,
    },
    buildCommand: `node test/mutation/bundle.mjs ${folder}`,
    mutate: [...patterns, '!**/*.d.ts'],
    coverageAnalysis: 'off',
    disableTypeChecks: false,
    ignorePatterns,
    plugins: [],
    concurrency: 1,
    // Loops end by processor time. This ends what waits for ever, and never a slow machine.
    timeoutMS: 600_000,
    incremental: true,
    force: chosen.again,
    incrementalFile,
    tempDirName: sandbox,
    cleanTempDir: 'always',
    reporters: [process.stdout.isTTY ? 'progress' : 'progress-append-only', 'html'],
    htmlReporter: { fileName: `${results}/${name}.html` },
    logLevel: 'warn',
  }).runMutationTest()
  return tell(mutants)
}

/** Stryker would take those that are to be tried for survivors of the tests as they are now. */
function forgetSurvivors(incrementalFile, patterns) {
  if (!existsSync(incrementalFile)) return
  const report = JSON.parse(readFileSync(incrementalFile, 'utf8'))
  for (const [name, file] of Object.entries(report.files))
    file.mutants = file.mutants.filter(
      ({ status, location }) =>
        status === 'Killed' || !patterns.some((pattern) => isMeant(pattern, name, location)),
    )
  writeFileSync(incrementalFile, JSON.stringify(report))
}

function isMeant(pattern, name, { start, end }) {
  const [path, lines] = pattern.split(':')
  if (path.endsWith('/*.ts')) return dirname(path) === dirname(name)
  const [first, last] = (lines ?? '0-Infinity').split('-').map(Number)
  return path === name && first <= start.line && end.line <= last
}

/** Prints what survived. */
function tell(mutants) {
  const count = (wanted) => mutants.filter(wanted).length
  const isStopped = ({ status, statusReason }) =>
    status === 'Timeout' ||
    (status === 'Killed' && [stopped, loop].some((reason) => statusReason?.includes(reason)))
  const killed = count(({ status }) => status === 'Killed' || status === 'Timeout')
  const survived = mutants.filter(({ status }) => status === 'Survived')
  for (const mutant of survived) console.log(describe(mutant))
  const valid = killed + survived.length
  return {
    mutants: valid,
    killed: killed - count(isStopped),
    stopped: count(isStopped),
    survived: survived.length,
    'score %': Math.round((1000 * killed) / valid) / 10,
  }
}

/** A mutant in one line: where it is, and what it makes of what stands there. */
function describe({ fileName, location: { start, end }, replacement }) {
  const lines = readFileSync(fileName, 'utf8')
    .split('\n')
    .slice(start.line - 1, end.line)
  lines.push(lines.pop().slice(0, end.column - 1))
  lines[0] = lines[0].slice(start.column - 1)
  const oneLine = (code) => code.replace(/\s+/g, ' ').slice(0, 200)
  return `${relative('.', fileName)}:${start.line} ${oneLine(lines.join(' '))} => ${oneLine(replacement)}`
}
