/** Parses a configuration file into plain data, with its environment variables, without checking its keys. */
import { readFileSync } from 'node:fs'
import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml'
import { decodeText } from '../credentials/text-encoding.ts'
import type { ConfigProblem } from './config-error.ts'
import { fileFault } from './file-fault.ts'

const missing = 'there is no such file; name an existing file with --config'

/** Reads YAML or JSON. On failure, notes the problems and returns undefined. */
export function readYamlFile(file: string, problems: ConfigProblem[]): unknown {
  try {
    const { text } = decodeText(readFileSync(file))
    if (text.trim() !== '') return parseYaml(text, problems)
    problems.push({ path: file, message: 'is empty; start from an example in the documentation' })
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error)
    const refused = isMissing(error) ? missing : fileFault(error)
    const message = refused === undefined ? `is not YAML: ${fault}` : `cannot be read: ${refused}`
    problems.push({ path: file, message })
  }
  return undefined
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** @throws Error for an alias without its anchor, or for aliases that would exhaust memory */
function parseYaml(text: string, problems: ConfigProblem[]): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const positionOf = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset)
    return `line ${line}, column ${col}`
  }
  problems.push(...syntaxProblems(document, positionOf))
  if (document.errors.length > 0) return undefined
  problems.push(...insertVariables(document, process.env, positionOf))
  return document.toJS()
}

/** Of several tabs, the first one. */
function syntaxProblems(
  { errors, contents }: Document.Parsed,
  positionOf: (offset: number) => string,
): ConfigProblem[] {
  const tab = errors.find(({ code }) => code === 'TAB_AS_INDENT')
  return errors.flatMap((error) => {
    const [offset] = error.pos
    const path = positionOf(offset)
    if (error.code === 'TAB_AS_INDENT')
      return error === tab
        ? { path, message: 'this line begins with a tab; indent all lines with spaces' }
        : []
    if (error.code !== 'DUPLICATE_KEY') return { path, message: `is not YAML: ${error.message}` }
    const { name, firstAt } = repeatedKey(contents, offset)
    return {
      path,
      message: `repeats the key ${name} of ${positionOf(firstAt)}; remove one of the two`,
    }
  })
}

/** The key at `offset`, and where it is for the first time. */
function repeatedKey(
  contents: Document.Parsed['contents'],
  offset: number,
): { readonly name: string; readonly firstAt: number } {
  let found = { name: '', firstAt: offset }
  visit(contents, {
    Map(_, { items }) {
      const keys = items.flatMap(({ key }) => (isScalar(key) && key.range ? [key] : []))
      const repeated = keys.find(({ range }) => range?.[0] === offset)
      const first = keys.find(({ value }) => value === repeated?.value)
      if (repeated === undefined || first === undefined) return undefined
      found = { name: String(repeated.value), firstAt: first.range?.[0] ?? offset }
      return visit.BREAK
    },
  })
  return found
}

/**
 * Replaces each `${NAME}` in a value. Without quotes, `${PORT}` can be a number.
 * @returns a problem for each variable that is not set, and for each `${` that names none
 */
function insertVariables(
  document: Document.Parsed,
  environment: NodeJS.ProcessEnv,
  positionOf: (offset: number) => string,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return
      const filled = node.value.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
        const value = environment[name]
        if (value === undefined)
          problems.push({
            path: positionOf(node.range?.[0] ?? 0),
            message: `names the environment variable ${name}, which is not set`,
          })
        return value ?? ''
      })
      if (filled.includes('${'))
        problems.push({
          path: positionOf(node.range?.[0] ?? 0),
          message: 'has ${ that names no variable; write ${NAME} with letters, digits and _ alone',
        })
      node.value = node.type === 'PLAIN' ? plainValue(filled) : filled
    },
  })
  return problems
}

/** What a number or true or false in the file would be. Anything else stays text. */
function plainValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}
