/** What a benchmark prints: where it ran, how far it is, and tables. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import type { DecoderResult } from './decoder.ts'
import type { GatewayResult } from './gateway.ts'

/** Without these no number means anything. */
export function conditions(now: Date): string {
  const [cpu] = cpus()
  const memoryGiB = Math.round(totalmem() / 2 ** 30)
  return [
    `date     ${now.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `commit   ${commit()}`,
    `node     ${process.version}, OpenSSL ${process.versions.openssl}`,
    `machine  ${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${memoryGiB} GiB, ${process.platform} ${process.arch}`,
    `load     ${loadavg()[0]?.toFixed(1) ?? '?'} before it began`,
  ].join('\n')
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}

/** Shows on a terminal what is going on; elsewhere it would only be in the way. */
export function showProgress(what: string, share?: number): void {
  if (!process.stderr.isTTY) return
  const done = share === undefined ? '' : ` ${percent(share)}`
  process.stderr.write(`\r\x1b[K${what}${done}`)
}

/** Takes the progress away. */
export function hideProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}

/** The decoder's table. */
export function decoderTable(results: readonly DecoderResult[]): string {
  return table(
    ['decoder, 64 KiB chunks', 'bytes/frame', 'frames/s', 'µs/frame'],
    results.map(({ command, bytesPerFrame, framesPerSecond, microseconds }) => [
      `command ${command}`,
      bytesPerFrame.toFixed(0),
      thousands(framesPerSecond),
      microseconds.toFixed(2),
    ]),
  )
}

/** The table of the way through the gateway. */
export function gatewayTable(results: readonly GatewayResult[]): string {
  return table(
    [
      'end to end, command 2',
      'notifications',
      'per second',
      'gateway CPU µs each',
      'gateway busy',
      'simulator busy',
    ],
    results.map(({ connections, journal, count, ...result }) => [
      `${connections} connection${connections === 1 ? '' : 's'}, journal ${journal ? 'on' : 'off'}`,
      thousands(count),
      thousands(result.notificationsPerSecond),
      result.cpuMicroseconds.toFixed(1),
      percent(result.gatewayBusy),
      percent(result.providerApiBusy),
    ]),
  )
}

/** First column to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows]
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  const format = (line: readonly string[]): string =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [format(head), rule, ...rows.map(format)].join('\n')
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
