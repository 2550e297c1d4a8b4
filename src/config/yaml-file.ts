/** Parses a configuration file into plain data, without checking its keys. */
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type { ConfigProblem } from './config-error.ts'

/** Reads YAML or JSON. On failure, notes the problems and returns undefined. */
export function readYamlFile(file: string, problems: ConfigProblem[]): unknown {
  const text = readText(file, problems)
  return text === undefined ? undefined : parseText(text, file, problems)
}

const cures: Readonly<Record<string, string>> = {
  EACCES: 'let the user that runs the proxy read it',
  EISDIR: 'it is a folder; name a file with --config',
  ENOENT: 'there is no such file; name an existing file with --config',
}

function readText(file: string, problems: ConfigProblem[]): string | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.trim() !== '') return text
    problems.push({ path: file, message: 'is empty; start from an example in the documentation' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    problems.push({ path: file, message: `cannot be read: ${cures[code] ?? messageOf(error)}` })
  }
  return undefined
}

function parseText(text: string, file: string, problems: ConfigProblem[]): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  for (const { message, pos } of document.errors) {
    const { line, col } = lineCounter.linePos(pos[0])
    problems.push({ path: `line ${line}, column ${col}`, message: `is not YAML: ${message}` })
  }
  if (document.errors.length > 0) return undefined
  try {
    const value: unknown = document.toJS()
    return value
  } catch (error) {
    // An alias without its anchor, or so many aliases that expanding them would exhaust memory.
    problems.push({ path: file, message: `is not YAML: ${messageOf(error)}` })
    return undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
