/**
 * Builds dist: compiles src and copies the files of the status page. Does nothing where dist was built
 * from the sources as they are. It never deletes what a running proxy may still load: files whose
 * source is gone are removed last. `--force` builds in any case.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = dirname(fileURLToPath(import.meta.url))
const root = dirname(source)
const dist = join(root, 'dist')
const page = join('admin', 'page')
/** What dist was built from; written last, so a build that failed is not taken for one. */
const stamp = join(dist, '.sources')

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const sources = [...filesIn(source), join(root, 'tsconfig.json')].sort()
const state = sources
  .map((file) => `${file.slice(root.length)} ${statSync(file).size} ${statSync(file).mtimeMs}\n`)
  .join('')

if (process.argv.includes('--force') || !isCurrent()) build()

function isCurrent() {
  try {
    return readFileSync(stamp, 'utf8') === state
  } catch {
    return false
  }
}

function build() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'src'], { cwd: root, stdio: 'inherit' })
  mkdirSync(join(dist, page), { recursive: true })
  const pageFiles = readdirSync(join(source, page)).filter((name) =>
    /\.(html|css|js|svg)$/.test(name),
  )
  for (const name of pageFiles) copyFileSync(join(source, page, name), join(dist, page, name))
  const compiled = sources
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => join(dist, file.slice(source.length, -'.ts'.length)))
  const expected = new Set([
    ...compiled.flatMap((file) => [`${file}.js`, `${file}.js.map`]),
    ...pageFiles.map((name) => join(dist, page, name)),
  ])
  for (const file of filesIn(dist)) if (!expected.has(file)) rmSync(file, { force: true })
  chmodSync(join(dist, 'cli.js'), 0o755)
  writeFileSync(stamp, state)
}
