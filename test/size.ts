/** How much code there is, and how long a file and a function may be. */
import t from 'tap'
import {
  codeLineCount,
  functionLengths,
  lineCount,
  read,
  sourceFiles,
} from './fixtures/source-code.ts'

/** Of src/**\/*.ts, comments and blank lines apart. To be lowered whenever code has gone. */
const mostCodeLines = 21_730
const mostFileLines = 350
const mostFunctionLines = 60

/** Files that are longer, with the lines that each may have. A row may only shrink or go. */
const longFiles: Readonly<Record<string, number>> = {}

/** Functions that are one table from their first line to their last, as `file name`. */
const tables: readonly string[] = ['src/config/schema.ts configurationSchema']

t.test('src has no more code than its limit', (t) => {
  const lines = sourceFiles.reduce((sum, path) => sum + codeLineCount(path), 0)
  t.ok(lines <= mostCodeLines, `${lines} of ${mostCodeLines} lines; \`npm run lines\` says where`)
  t.end()
})

t.test('no file is too long, and those in the list are no longer than it says', (t) => {
  const tooLong = sourceFiles.filter((path) => linesOf(path) > (longFiles[path] ?? mostFileLines))
  t.same(Object.fromEntries(tooLong.map((path) => [path, linesOf(path)])), {})
  t.end()
})

t.test('the list has no file that is gone, or short enough by now', (t) => {
  const needless = Object.keys(longFiles).filter(
    (path) => !sourceFiles.includes(path) || linesOf(path) <= mostFileLines,
  )
  t.same(needless, [])
  t.end()
})

t.test('no function is too long but a table', (t) => {
  const tooLong = sourceFiles.flatMap((path) =>
    functionLengths(path)
      .filter(({ lines }) => lines > mostFunctionLines)
      .map(({ name }) => `${path} ${name}`),
  )
  t.same([...tooLong].sort(), [...tables].sort())
  t.end()
})

function linesOf(path: string): number {
  return lineCount(read(path))
}
