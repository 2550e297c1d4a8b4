/** Parses a configuration file into plain data, with its environment variables, without checking its keys. */
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument, visit, type Document } from 'yaml'
import { decodeText } from '../credentials/text-encoding.ts'
import type { ConfigProblem } from './config-error.ts'

const cures: Readonly<Record<string, string>> = {
  EACCES: 'let the user that runs the proxy read it',
  EISDIR: 'it is a folder; name a file with --config',
  ENOENT: 'there is no such file; name an existing file with --config',
}

/** Reads YAML or JSON. On failure, notes the problems and returns undefined. */
export function readYamlFile(file: string, problems: ConfigProblem[]): unknown {
  try {
    const { text } = decodeText(readFileSync(file))
    if (text.trim() !== '') return parseYaml(text, problems)
    problems.push({ path: file, message: 'is empty; start from an example in the documentation' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    const fault = error instanceof Error ? error.message : String(error)
    const message =
      code === undefined ? `is not YAML: ${fault}` : `cannot be read: ${cures[code] ?? fault}`
    problems.push({ path: file, message })
  }
  return undefined
}

/** @throws Error for an alias without its anchor, or for aliases that would exhaust memory */
function parseYaml(text: string, problems: ConfigProblem[]): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const positionOf = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset)
    return `line ${line}, column ${col}`
  }
  for (const { message, pos } of document.errors)
    problems.push({ path: positionOf(pos[0]), message: `is not YAML: ${message}` })
  if (document.errors.length > 0) return undefined
  problems.push(...insertVariables(document, process.env, positionOf))
  return document.toJS()
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
