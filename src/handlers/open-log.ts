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

/** Text that is not wrapped. */
interface Word {
  readonly text: string
  /** Name of a field, dimmed; or empty. */
  readonly label: string
  /** Spaces before the word, unless it begins a line. */
  readonly gap: number
}

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
    colors && text !== '' ? styleText(style, text, { validateStream: false }) : text
  const inLines = (words: readonly Word[], used = 0): string[] =>
    wrapped(words, columns - margin, used).map((row) =>
      row.map(({ gap, label, text }) => ' '.repeat(gap) + paint('dim', label) + text).join(''),
    )
  const severity = String(level)
  const head = [
    paint('dim', timeOfDay(String(time))),
    paint(styleOfLevel[severity] ?? 'reset', severity.toUpperCase().padEnd(5)),
    paint('bold', String(event)),
  ].join(' ')
  const details = Object.entries(fields).flatMap(([name, value]) => wordsOf(`${name}=`, value))
  const used = String(event).length
  const [beside = '', ...below] =
    msg === undefined
      ? inLines(details, used)
      : [...inLines(wordsOf('', msg), used), ...inLines(details)]
  const stack = typeof err === 'string' ? err.split('\n').map(harmless) : []
  return [head + beside, ...[...below, ...stack].map((row) => ' '.repeat(margin) + row), ''].join(
    '\n',
  )
}

function timeOfDay(time: string): string {
  return new Date(time).toTimeString().slice(0, 8) + time.slice(-5, -1)
}

function wordsOf(label: string, value: unknown): Word[] {
  return harmless(inWords(value))
    .split(' ')
    .map((text, at) => (at === 0 ? { label, text, gap: 2 } : { label: '', text, gap: 1 }))
}

/** Writes an address as `host:port`, and of any other object its values. */
function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(inWords).join(', ')
  if (typeof value !== 'object' || value === null) return String(value)
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

/** @param used columns of the first line that are not free */
function wrapped(words: readonly Word[], room: number, used: number): Word[][] {
  const lines: Word[][] = []
  let line: Word[] = []
  let width = used
  for (const word of words) {
    const length = word.label.length + word.text.length
    if (width > 0 && width + word.gap + length > room) {
      lines.push(line)
      line = []
      width = 0
    }
    const gap = width === 0 ? 0 : word.gap
    line.push({ ...word, gap })
    width += gap + length
  }
  return words.length === 0 ? [] : [...lines, line]
}
