/**
 * `npm run mutate`: changes the source in small ways, one at a time, and lists the changes that no
 * unit test notices. What was found is kept: a mutant of unchanged code that was killed once is not
 * tried again, one that survived is.
 */
import { Stryker } from '@stryker-mutator/core'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { folders } from './folder.mjs'

const usage = `
Usage: npm run mutate [-- [--again] [FOLDER | FILE[:FIRST-LAST]]...]

  FOLDER   a folder below src: ${Object.keys(folders).join(', ')}; default: all of them
  FILE     a file, or some of its lines, as in src/relay/lane.ts:20-80
  --again  forgets earlier results

Needs a POSIX shell. Results are kept in .mutation/, a report to read in .mutation/*.html.
Each folder takes minutes, relay most of an hour, with one process at low priority.
`

/** What the sandbox does without. */
const ignorePatterns = ['.mutation', '.tap', 'data', 'dist']
const results = '.mutation'
/** Printed where a mutant ended its process by too much processor time, or memory. */
const stopped = 'not ok: stopped by a signal'
/** As `play.mjs` prints it. */
const loop = 'not ok: an endless loop'

const chosen = readArguments()
setPriority(15)
mkdirSync(results, { recursive: true })
process.on('exit', () => {
  rmSync(`${results}/sandbox`, { recursive: true, force: true })
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
  if (folder === undefined) throw new Error(`${name} is no folder and no file of one.`)
  return folder
}

/** @returns its row of the summary */
async function mutate(folder, patterns) {
  const name = folder.replaceAll('/', '-')
  const incrementalFile = `${results}/${name}.json`
  if (chosen.again) rmSync(incrementalFile, { force: true })
  forgetSurvivors(incrementalFile)
  const { cpuSeconds } = folders[folder]
  const mutants = await new Stryker({
    testRunner: 'command',
    commandRunner: {
      command:
        `ulimit -c 0 && ulimit -t ${cpuSeconds} && ` +
        'TAP_BAIL=1 CONTRACT_RUNS=200 node --max-old-space-size=512 test/mutation/tests.mjs || ' +
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
    incrementalFile,
    tempDirName: `${results}/sandbox`,
    cleanTempDir: 'always',
    reporters: [process.stdout.isTTY ? 'progress' : 'progress-append-only', 'html'],
    htmlReporter: { fileName: `${results}/${name}.html` },
    logLevel: 'warn',
  }).runMutationTest()
  return tell(mutants)
}

/** Stryker would take them for survivors of the tests as they are now. */
function forgetSurvivors(incrementalFile) {
  if (!existsSync(incrementalFile)) return
  const report = JSON.parse(readFileSync(incrementalFile, 'utf8'))
  for (const file of Object.values(report.files))
    file.mutants = file.mutants.filter(({ status }) => status === 'Killed')
  writeFileSync(incrementalFile, JSON.stringify(report))
}

/** Prints what survived. */
function tell(mutants) {
  const count = (wanted) => mutants.filter(wanted).length
  const isStopped = ({ status, statusReason }) =>
    status === 'Timeout' ||
    (status === 'Killed' && [stopped, loop].some((reason) => statusReason?.includes(reason)))
  const killed = count(({ status }) => status === 'Killed' || status === 'Timeout')
  const survived = mutants.filter(({ status }) => status === 'Survived')
  for (const { fileName, location, mutatorName, replacement } of survived) {
    const { line, column } = location.start
    const file = fileName.slice(fileName.lastIndexOf('src/'))
    console.log(`${file}:${line}:${column} ${mutatorName}: ${replacement.replace(/\s+/g, ' ')}`)
  }
  const valid = killed + survived.length
  return {
    mutants: valid,
    killed: killed - count(isStopped),
    stopped: count(isStopped),
    survived: survived.length,
    'score %': Math.round((1000 * killed) / valid) / 10,
  }
}
