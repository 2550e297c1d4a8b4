/** The directions in which parts may know each other, as a table, and that nothing goes round. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const source = resolve(dirname(fileURLToPath(import.meta.url)), '../src')

/** What each folder may import from; what stands at the top of src, and
 * the handlers of commands, may import everything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  binary: [],
  capture: ['binary'],
  recording: ['capture', 'clock.ts'],
  apns: ['binary', 'clock.ts'],
  census: ['binary', 'apns'],
  relay: ['binary', 'apns', 'clock.ts'],
  credentials: [],
  store: ['binary', 'clock.ts'],
  gateway: ['binary', 'apns', 'relay', 'credentials', 'store', 'clock.ts'],
  upstream: ['apns', 'relay', 'clock.ts'],
  config: ['apns', 'relay', 'credentials', 'store'],
  admin: ['binary', 'apns', 'relay', 'census', 'clock.ts'],
  workers: ['admin', 'census', 'config', 'credentials', 'recording', 'store', 'clock.ts'],
  sender: ['binary', 'capture', 'clock.ts'],
  simulator: ['config', 'credentials', 'clock.ts'],
  init: ['credentials'],
  check: ['apns', 'config', 'credentials', 'store', 'upstream', 'clock.ts'],
  commands: ['handlers', 'simulator', 'version.ts'],
}

/** Values in, values out: no I/O, and of the clock only its type. */
const pure = ['binary', 'capture', 'apns', 'census', 'relay']
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
  folders.delete('handlers')
  t.same([...folders].sort(), Object.keys(mayImport).sort())
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
    .filter((path) => /^import \{[^}]*\} from '\.\.\/clock\.ts'/m.test(read(path)))
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

t.test('every file says in its first line what it knows', (t) => {
  for (const path of files) t.match(read(path).replace(/^#!.*\n/, ''), /^\/\*\*/, path)
  t.end()
})

function read(path: string): string {
  return readFileSync(join(source, path), 'utf8')
}
