/** The log of a command: readable lines on a terminal, JSON lines anywhere else. */
import { styleText } from 'node:util'
import { createLog, type Logger } from '../log/log.ts'

/** Logs on standard output, unbuffered: the last line before an exit must not be lost. */
export function openLog(level?: string): Logger {
  const { stdout } = process
  if (!stdout.isTTY) return createLog(level)
  return createLog(level, {
    write(line) {
      // Some terminals report 0.
      const columns = stdout.columns === 0 ? 80 : stdout.columns
      stdout.write(prettyLine(line, { columns, colors: stdout.hasColors() }))
    },
  })
}

interface Screen {
  readonly columns: number
  readonly colors: boolean
}

type Style = Parameters<typeof styleText>[0]

const styleOfLevel: Readonly<Record<string, Style>> = {
  error: 'red',
  warn: 'yellow',
  info: 'green',
  debug: 'blue',
}

/** Columns for time and level; further lines are indented by as many. */
const margin = 19

/**
 * Puts the event first, and wraps at the right edge.
 * @param line JSON of the log
 */
export function prettyLine(line: string, { columns, colors }: Screen): string {
  const { time, level, event, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>
  const paint = (style: Style, text: string): string =>
    colors ? styleText(style, text, { validateStream: false }) : text
  const name = String(event)
  const severity = String(level)
  const labels = new RegExp(`(?<=^| {2})(?:${Object.keys(fields).join('|')})=`, 'g')
  const inLines = (texts: readonly string[]): string[] =>
    wrapped(texts.join('  '), columns - margin)
  const details = Object.entries(fields).map(([key, value]) => `${key}=${inWords(value)}`)
  const [first = '', ...below] =
    msg === undefined
      ? inLines([name, ...details])
      : [...inLines([name, inWords(msg)]), ...inLines(details)]
  const stack = typeof err === 'string' ? err.split('\n').map(harmless) : []
  const rows = [paint('bold', name) + first.slice(name.length), ...below, ...stack].map((row) =>
    row.replace(labels, (label) => paint('dim', label)),
  )
  const head = [
    paint('dim', timeOfDay(String(time))),
    paint(styleOfLevel[severity] ?? 'reset', severity.toUpperCase().padEnd(5)),
  ].join(' ')
  return `${head} ${rows.join(`\n${' '.repeat(margin)}`)}\n`
}

/** Does not break words that are longer than a line. */
function wrapped(text: string, width: number): string[] {
  return text.match(new RegExp(`\\S.{0,${width - 1}}(?= |$)|\\S+`, 'g')) ?? []
}

function timeOfDay(time: string): string {
  return new Date(time).toTimeString().slice(0, 8) + time.slice(-5, -1)
}

/** Writes an address as `host:port`, and of any other object its values. */
function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(inWords).join(', ')
  if (typeof value !== 'object' || value === null) return harmless(String(value))
  const { host, port, ...others } = value as Record<string, unknown>
  const address = host === undefined ? [] : [`${inWords(host)}:${inWords(port)}`]
  return [...Object.values(others).map(inWords), ...address].join(' ')
}

/** Escapes control characters: a peer chooses some of the text and must not control the terminal. */
function harmless(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
