/** Parses a configuration file into plain data, without checking its keys. */
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type { ConfigProblem } from './config-error.ts'

const cures: Readonly<Record<string, string>> = {
  EACCES: 'let the user that runs the proxy read it',
  EISDIR: 'it is a folder; name a file with --config',
  ENOENT: 'there is no such file; name an existing file with --config',
}

/** Reads YAML or JSON. On failure, notes the problems and returns undefined. */
export function readYamlFile(file: string, problems: ConfigProblem[]): unknown {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.trim() !== '') return parse(text, problems)
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
function parse(text: string, problems: ConfigProblem[]): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  for (const { message, pos } of document.errors) {
    const { line, col } = lineCounter.linePos(pos[0])
    problems.push({ path: `line ${line}, column ${col}`, message: `is not YAML: ${message}` })
  }
  return document.errors.length > 0 ? undefined : document.toJS()
}
