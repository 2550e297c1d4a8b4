/** What code, tests and documents refer to is in the repository, or is listed as a public source. */
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { filesIn, read, root } from './fixtures/source-code.ts'

/** A text that refers to something. */
interface Place {
  readonly path: string
  readonly text: string
}

/** Where the rules and findings are that are cited by a letter and a number. */
const labelled = {
  D: 'docs/delivery.md',
  H: 'docs/decisions/resends.md',
} as const
const sourcesList = 'docs/protocol.md'

const documents: readonly Place[] = ['docs', 'captures', 'test']
  .flatMap(filesIn)
  .concat('README.md', 'SECURITY.md')
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, text: read(path) }))

const programs = ['src', 'test'].flatMap(filesIn).filter((path) => /\.(ts|mjs|js)$/.test(path))
const allFiles = ['src', 'test', 'docs', 'captures'].flatMap(filesIn)

/** The comments of each program, without what begins their lines. */
const remarks: readonly Place[] = programs.map((path) => ({
  path,
  text: [...read(path).matchAll(/\/\*[^]*?\*\/|(?<=^\s*)(?:\/\/ .*\n\s*)+/gm)]
    .map(([comment]) => comment.replaceAll(/^\s*(?:\/\*\*?|\*\/|\*|\/\/) ?|\*\/$/gm, ''))
    .join('\n\n'),
}))

t.test('rules and findings that are cited are there', (t) => {
  for (const [letter, document] of Object.entries(labelled))
    t.same(missing(letter, idsOf(document)), [], document)
  t.end()
})

t.test('findings about senders that are cited by number are there', (t) => {
  const cited = [...documents, ...remarks].flatMap(({ path, text }) =>
    [...text.matchAll(/senders\.md\)?,? ((?:[0-9]+(?:, | and |))+)/g)].flatMap(([, numbers = '']) =>
      [...numbers.matchAll(/[0-9]+/g)].map(([number]) => ({ path, number })),
    ),
  )
  const ids = idsOf('docs/senders.md')
  t.ok(cited.length > 0)
  t.same(
    cited.filter(({ number }) => !ids.has(`s${number}`)),
    [],
  )
  t.end()
})

t.test('links of documents lead to a file, and to a heading or an id in it', (t) => {
  const dead = documents.flatMap(({ path, text }) =>
    [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !leadsSomewhere(path, target))
      .map((target) => ({ path, target })),
  )
  t.same(dead, [])
  t.end()
})

t.test('files that are named are there', (t) => {
  const inRemarks = [...remarks, ...documents].flatMap(({ path, text }) =>
    [...withoutUrls(text).matchAll(/(?<![\w/.-])(?:docs|captures|test|src)\/[\w./-]*\w/g)].map(
      ([name]) => ({ path, name }),
    ),
  )
  const inMessages = programs.flatMap((path) =>
    [...read(path).matchAll(/(?<![\w/.-])docs\/[\w-]+\.md/g)].map(([name]) => ({ path, name })),
  )
  t.same(
    [...inRemarks, ...inMessages].filter(({ name }) => !isThere(name)),
    [],
  )
  t.end()
})

t.test('documents that are named are in the repository', (t) => {
  const named = [...remarks, ...documents].flatMap(({ path, text }) =>
    [...withoutUrls(withoutBlocks(text)).matchAll(/[\w./-]+\.md\b/g)].map(([name]) => ({
      path,
      name,
    })),
  )
  const known = [...allFiles, 'README.md', 'SECURITY.md']
  t.same(
    named.filter(({ name }) => !known.some((path) => endsWith(path, basename(name)))),
    [],
  )
  t.end()
})

t.test('sources that documents name in code quotes are there', (t) => {
  const named = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/`([\w./-]+\.(?:ts|mjs))(?::[0-9]+)?`/g)].map(([, name = '']) => ({
      path,
      name,
    })),
  )
  t.same(
    named.filter(({ name }) => !allFiles.some((path) => endsWith(path, name))),
    [],
  )
  t.end()
})

t.test('every source of a wire fact is an RFC, in the repository, or in the list', (t) => {
  const sources = remarks.flatMap(({ path, text }) =>
    [...text.matchAll(/— source: ((?:.|\n(?!\n))+)/g)].map(([, source = '']) => ({
      path,
      source: source.replaceAll('\n', ' '),
    })),
  )
  const listed = listedSources()
  t.ok(sources.length > 0 && listed.length > 0)
  t.same(
    sources.filter(
      ({ source }) =>
        !/^(?:RFC [0-9]+|docs\/|captures\/|senders\.md|as \{@link|the same)/.test(source) &&
        !listed.some((name) => source.includes(name)),
    ),
    [],
  )
  const works = sources.flatMap(({ path, source }) =>
    [...source.matchAll(/Apple, "[^"]+"|[\w/-]+(?=#[0-9])/g)].map(([work]) => ({
      path,
      work,
    })),
  )
  t.same(
    works.filter(({ work }) => !listed.some((name) => work === name)),
    [],
  )
  t.end()
})

t.test('CONTRIBUTING names the versions that package.json has', (t) => {
  const { engines, devDependencies } = JSON.parse(read('package.json')) as {
    engines: { node: string }
    devDependencies: { typescript: string }
  }
  const text = read('docs/CONTRIBUTING.md')
  t.match(text, `TypeScript \`${devDependencies.typescript}\``)
  t.match(engines.node, new RegExp(`^>=${/Node ([0-9.]+) or newer/.exec(text)?.[1] ?? ''}\\.0$`))
  t.end()
})

/** Citations of a letter and a number that no id stands for. */
function missing(letter: string, ids: ReadonlySet<string>): readonly unknown[] {
  return [...remarks, ...documents].flatMap(({ path, text }) =>
    [...text.matchAll(new RegExp(`\\b${letter}[0-9]{1,2}\\b`, 'g'))]
      .map(([label]) => ({ path, label }))
      .filter(({ label }) => !ids.has(label.toLowerCase())),
  )
}

/** The first column of every table below the heading "Sources". */
function listedSources(): readonly string[] {
  const [, section = ''] = read(sourcesList).split('\n## Sources\n')
  return [...section.matchAll(/^\| ([^|]+?) +\|/gm)].map(([, name = '']) => name)
}

function leadsSomewhere(from: string, target: string): boolean {
  const [file = '', id] = target.split('#')
  const path = file === '' ? from : normalize(join(dirname(from), file))
  if (!isThere(path)) return false
  return id === undefined || idsOf(path).has(id)
}

function idsOf(path: string): ReadonlySet<string> {
  const text = read(path)
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading))
  const ids = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  return new Set([...headings, ...ids])
}

/** As GitHub makes the id of a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')
}

function isThere(path: string): boolean {
  return existsSync(join(root, path))
}

function endsWith(path: string, name: string): boolean {
  return path === name || path.endsWith(`/${name}`)
}

function basename(path: string): string {
  return path.split('/').at(-1) ?? path
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replaceAll(/`[^`\n]*`/g, '')
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/```[^]*?```/g, '')
}

function withoutUrls(text: string): string {
  return text.replaceAll(/[a-z]+:\/\/[^\s)>`'"]+/g, '')
}
