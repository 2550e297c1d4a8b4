/** The directions in which parts may know each other, as a table, and that nothing goes round. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const source = resolve(dirname(fileURLToPath(import.meta.url)), '../src')
const document = resolve(source, '../docs/architecture.md')

/** What each folder may import from; the proxy, where all parts meet,
 * and the handlers of commands may import everything. docs/architecture.md shows this table. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  binary: [],
  timing: [],
  log: [],
  capture: ['binary'],
  recording: ['binary', 'capture', 'timing'],
  apns: ['binary', 'timing'],
  relay: ['binary', 'apns', 'timing'],
  credentials: [],
  store: ['binary', 'timing'],
  gateway: ['binary', 'apns', 'relay', 'credentials', 'store', 'timing'],
  statistics: ['binary', 'apns', 'relay', 'gateway', 'timing'],
  upstream: ['apns', 'relay', 'timing'],
  admin: ['binary', 'apns', 'relay', 'statistics', 'timing'],
  alarms: ['admin', 'timing'],
  config: ['apns', 'relay', 'credentials', 'store', 'alarms'],
  cluster: ['config', 'log', 'timing'],
  sender: ['binary', 'capture', 'timing'],
  simulator: ['apns', 'config', 'credentials', 'timing'],
  init: ['credentials'],
  check: ['apns', 'alarms', 'config', 'credentials', 'store', 'upstream', 'timing'],
  commands: ['handlers', 'simulator'],
}

const unbounded = ['handlers', 'proxy']

/** Values in, values out: no I/O, and of the clock only its type. */
const pure = ['binary', 'capture', 'apns', 'relay']
const pureNodeModules = ['node:crypto']

interface Import {
  readonly from: string
  readonly to: string
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.d.ts'),
)

const imports: readonly Import[] = files.flatMap((from) =>
  ts.preProcessFile(readFileSync(join(source, from), 'utf8')).importedFiles.map(({ fileName }) => ({
    from,
    to: fileName.startsWith('.')
      ? relative(source, resolve(source, dirname(from), fileName))
      : fileName,
  })),
)

function folderOf(path: string): string {
  return path.split('/')[0] ?? path
}

t.test('every folder imports only from where the table says', (t) => {
  const wrong = imports.filter(({ from, to }) => {
    const allowed = mayImport[folderOf(from)]
    if (allowed === undefined || !existsSync(join(source, to))) return false
    return folderOf(from) !== folderOf(to) && !allowed.includes(folderOf(to))
  })
  t.same(wrong, [])
  t.end()
})

t.test('every folder of src is in the table', (t) => {
  const folders = new Set(files.filter((path) => path.includes('/')).map(folderOf))
  for (const folder of unbounded) folders.delete(folder)
  t.same([...folders].sort(), Object.keys(mayImport).sort())
  t.end()
})

t.test('docs/architecture.md shows the table', (t) => {
  const [begin, end] = ['<!-- imports -->\n', '<!-- /imports -->']
  const text = readFileSync(document, 'utf8')
  const [before, shown, after] = [
    text.slice(0, text.indexOf(begin) + begin.length),
    text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)),
    text.slice(text.indexOf(end)),
  ]
  if (process.env['TAP_SNAPSHOT'] === '1') writeFileSync(document, before + drawing() + after)
  else t.equal(shown, drawing(), 'TAP_SNAPSHOT=1 npm run test:file test/architecture.ts writes it')
  t.end()
})

t.test('pure folders import no I/O of Node and nothing of the clock but its type', (t) => {
  const impure = imports.filter(
    ({ from, to }) =>
      pure.includes(folderOf(from)) && to.startsWith('node:') && !pureNodeModules.includes(to),
  )
  t.same(impure, [])
  const clocked = files
    .filter((path) => pure.includes(folderOf(path)))
    .filter((path) => /^import \{[^}]*\} from '\.\.\/timing\/clock\.ts'/m.test(read(path)))
  t.same(clocked, [])
  t.end()
})

t.test('nothing imports itself round a corner', (t) => {
  const next = new Map<string, string[]>()
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const cycles: string[][] = []
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path])
    if (done.has(path) || way.includes(path)) return
    for (const to of next.get(path) ?? []) walk(to, [...way, path])
    done.add(path)
  }
  for (const path of files) walk(path, [])
  t.same(cycles, [])
  t.end()
})

t.test('nothing stands at the top of src but the program', (t) => {
  t.same(
    files.filter((path) => !path.includes('/')),
    ['cli.ts'],
  )
  t.end()
})

t.test('every file says in its first line what it knows', (t) => {
  for (const path of files) t.match(read(path).replace(/^#!.*\n/, ''), /^\/\*\*/, path)
  t.end()
})

/** As prettier formats it. */
function drawing(): string {
  const rows = Object.entries(mayImport).map(([folder, names]) => [
    `\`${folder}\``,
    pure.includes(folder) ? 'pure' : '',
    names.map((name) => `\`${name}\``).join(', '),
  ])
  const table = [['folder', '', 'may import from'], ...rows]
  const widths = [0, 1, 2].map((at) => Math.max(3, ...table.map((row) => row[at]?.length ?? 0)))
  const [head = '', ...body] = table.map(
    (row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`,
  )
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return `\n${[head, rule, ...body].join('\n')}\n\n`
}

function read(path: string): string {
  return readFileSync(join(source, path), 'utf8')
}
