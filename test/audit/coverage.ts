/**
 * `npm run coverage`: which lines and branches of src the unit suites run, by folder; other suites where
 * they are named. V8 counts, `tap report` brings it back to the sources.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isLoaded, lineCount, read, root, sourceFiles } from '../fixtures/source-code.ts'
import { unitSuites } from '../suite/suites.ts'

interface Count {
  readonly total: number
  readonly covered: number
}

type Counts = Readonly<Record<'lines' | 'branches' | 'functions', Count>>

const kinds = ['lines', 'branches', 'functions'] as const
const folder = join(root, '.tap/coverage')
const named = process.argv.slice(2)

rmSync(folder, { recursive: true, force: true })
for (const suite of named.length > 0 ? named : unitSuites.keys())
  run(process.execPath, ['--enable-source-maps', '--import', 'tsx', 'test/suite/process.ts', suite])
run('tap', ['report', 'json-summary'])

const report = JSON.parse(
  readFileSync(join(root, '.tap/report/coverage-summary.json'), 'utf8'),
) as Record<string, Counts>
const folders = new Map<string, Counts>()
for (const path of sourceFiles.filter(isLoaded)) {
  const counts = report[join(root, path)] ?? nothingOf(path)
  for (const name of [path.split('/').slice(0, -1).join('/'), 'in all'])
    folders.set(name, sum(folders.get(name), counts))
}
const { 'in all': all, ...each } = Object.fromEntries(folders)
print('', kinds)
for (const name of Object.keys(each).sort()) print(name, percentages(each[name]))
print('in all', percentages(all))

/** Ends this process too when the other fails. */
function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, NODE_V8_COVERAGE: folder },
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status === 0) return
  console.error(`failed: ${args.at(-1) ?? command}`)
  process.exit(1)
}

/** Of a file that no test has loaded. */
function nothingOf(path: string): Counts {
  const none = { total: 0, covered: 0 }
  return { lines: { total: lineCount(read(path)), covered: 0 }, branches: none, functions: none }
}

function sum(a: Counts | undefined, b: Counts): Counts {
  const of = (kind: (typeof kinds)[number]): Count => ({
    total: (a?.[kind].total ?? 0) + b[kind].total,
    covered: (a?.[kind].covered ?? 0) + b[kind].covered,
  })
  return { lines: of('lines'), branches: of('branches'), functions: of('functions') }
}

function percentages(counts: Counts | undefined): readonly string[] {
  return kinds.map((kind) => {
    const { total = 0, covered = 0 } = counts?.[kind] ?? {}
    return total === 0 ? '–' : `${((100 * covered) / total).toFixed(1)} %`
  })
}

function print(name: string, cells: readonly string[]): void {
  console.log(`${name.padEnd(20)}${cells.map((cell) => cell.padStart(11)).join('')}`)
}
