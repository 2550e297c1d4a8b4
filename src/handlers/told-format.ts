/** How told tokens are printed: as CSV, as JSON lines, or counted in a table. */
import type { ToldRecord } from '../store/store.ts'

/** Prints what it is given, as it comes. */
export type Format = (records: AsyncIterable<ToldRecord>) => AsyncIterable<string>

const columns = 'time,kind,route,sender,token,reason,apns-id,identifier'

export async function* csv(records: AsyncIterable<ToldRecord>): AsyncGenerator<string, void> {
  yield `${columns}\n`
  for await (const { atMs, kind, route, sender, token, reason, apnsId, identifier } of records) {
    const values = [timeOf(atMs), kind, route, sender, token, reason, apnsId, identifier]
    yield `${values.map(quoted).join(',')}\n`
  }
}

/** As RFC 4180 quotes. */
function quoted(value: string | number | undefined): string {
  const text = String(value ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export async function* jsonLines(records: AsyncIterable<ToldRecord>): AsyncGenerator<string, void> {
  for await (const { atMs, ...more } of records)
    yield `${JSON.stringify({ time: timeOf(atMs), ...more })}\n`
}

interface Group {
  readonly names: readonly string[]
  readonly firstMs: number
  lastMs: number
  count: number
}

/** @param listing the command that lists the tokens */
export async function* summary(
  records: AsyncIterable<ToldRecord>,
  listing: string,
): AsyncGenerator<string, void> {
  const groups = new Map<string, Group>()
  for await (const { atMs, route, reason, kind } of records) {
    const names = [route, reason, kind]
    const group = groups.get(names.join('\n'))
    if (group === undefined)
      groups.set(names.join('\n'), { names, firstMs: atMs, lastMs: atMs, count: 1 })
    else {
      group.lastMs = atMs
      group.count++
    }
  }
  if (groups.size === 0) {
    yield 'No sender was told to delete a token in this time.\n'
    return
  }
  const head = ['route', 'reason', 'told by', 'count', 'first', 'last']
  const rows = Array.from(groups.values(), ({ names, count, firstMs, lastMs }) => [
    ...names,
    String(count),
    timeOf(firstMs),
    timeOf(lastMs),
  ])
  yield table([head, ...rows.sort()])
  yield `\nTo list the tokens: ${listing}\n`
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows
  const widths = head.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString()
}
