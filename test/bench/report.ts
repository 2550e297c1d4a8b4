/** What a benchmark prints: where it ran, how far it is, and tables. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import { mostLossPercent, type AdminLoad } from './admin.ts'
import type { Burst } from './burst.ts'
import { yardsticks, type Compared, type Comparison } from './comparison.ts'
import type { ConnectionCost, ConnectionCosts } from './connections.ts'
import type { DecoderResult } from './decoder.ts'
import type { Flood } from './floods.ts'
import { mostIdleMiB, type Idle } from './idle.ts'
import { rate, type Lag } from './latency.ts'
import type { LongPath } from './long-path.ts'
import type { Memory } from './memory.ts'
import type { WorkersCost } from './workers.ts'
import type { Start } from './start.ts'
import type { StoreCost } from './store.ts'

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

let shown = ''

/** Tells on stderr what is going on: on a terminal how far it is too. */
export function showProgress(what: string, share?: number): void {
  if (process.stderr.isTTY) {
    const done = share === undefined ? '' : ` ${percent(share)}`
    process.stderr.write(`\r\x1b[K${what}${done}`)
  } else if (what !== shown) console.error(`… ${what}`)
  shown = what
}

/** Takes the progress away. */
export function hideProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}

/** The table of starting commands; ratios are those of medians, without the waiting. */
export function startTable(starts: readonly Start[]): string {
  const median = ({ times, waitingMs }: Start): number =>
    (times[Math.floor(times.length / 2)] ?? NaN) - waitingMs
  const [yardstick] = starts
  return table(
    ['start of a command', 'median ms', 'least to most', 'of it waiting', 'ratio'],
    starts.map((start) => [
      start.name,
      (median(start) + start.waitingMs).toFixed(0),
      `${start.times[0]?.toFixed(0) ?? ''} to ${start.times.at(-1)?.toFixed(0) ?? ''}`,
      start.waitingMs.toFixed(0),
      (median(start) / (yardstick === undefined ? NaN : median(yardstick))).toFixed(2),
    ]),
  )
}

/** The table of floods. */
export function floodTable(floods: readonly Flood[]): string {
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
  return table(
    ['flood', 'log lines', 'MiB before', 'MiB after', 'first push during, ms', 'and after, ms'],
    floods.map((flood) => [
      flood.name,
      String(flood.logLines),
      mebibytes(flood.rssBefore),
      mebibytes(flood.rssAfter),
      flood.canaryDuringMs.toFixed(0),
      flood.canaryAfterMs.toFixed(0),
    ]),
  )
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

/** Rates and costs, and what they are beside the {@link yardsticks}: medians of the rounds. */
export function comparisonTable({ upstream, rows }: Comparison): string {
  const costsOf = ({ rounds }: Compared): number[] =>
    rounds.map(({ cpuMicroseconds }) => cpuMicroseconds).sort((a, b) => a - b)
  const units = yardsticks.flatMap((name) => rows.find((row) => row.name === name) ?? [])
  return table(
    [
      `into ${upstream}`,
      'notifications',
      'per second',
      'CPU µs each',
      'least to most',
      ...units.map(({ name }) => `of ${name}`),
    ],
    rows.map((row) => [
      row.name,
      `${row.rounds.length} × ${thousands(row.rounds[0]?.count ?? 0)}`,
      thousands(middle(row.rounds.map(({ perSecond }) => perSecond))),
      middle(costsOf(row)).toFixed(1),
      `${costsOf(row)[0]?.toFixed(1) ?? ''} to ${costsOf(row).at(-1)?.toFixed(1) ?? ''}`,
      ...units.map((unit) => (middle(costsOf(row)) / middle(costsOf(unit))).toFixed(3)),
    ]),
  )
}

/** Direct, through the gateway, and the difference. */
export function latencyTable([direct, through]: readonly [Lag, Lag]): string {
  const row = (name: string, ...values: number[]): string[] => [
    name,
    ...values.map((each) => each.toFixed(2)),
  ]
  return table(
    [
      `write to arrival, ${thousands(rate)}/s, ${thousands(direct.count)} each`,
      'p50 ms',
      'p99 ms',
      'max ms',
    ],
    [
      row(direct.name, direct.p50, direct.p99, direct.max),
      row(through.name, through.p50, through.p99, through.max),
      row('added', through.p50 - direct.p50, through.p99 - direct.p99, through.max - direct.max),
    ],
  )
}

/** A row for each delay. */
export function longPathTable(paths: readonly LongPath[]): string {
  return table(
    ['1 sender connection, journal on', 'notifications', 'per second'],
    paths.map(({ delayMs, count, perSecond }) => [
      `answers after ${delayMs} ms`,
      thousands(count),
      thousands(perSecond),
    ]),
  )
}

/** Connect, one push, close: medians, and the least and most of the rounds. */
export function connectionsTable({ count, gateway, bare }: ConnectionCosts): string {
  const costs = (rows: readonly ConnectionCost[]): number[] =>
    rows.map(({ cpuMilliseconds }) => cpuMilliseconds).sort((a, b) => a - b)
  const row = (name: string, rows: readonly ConnectionCost[]): string[] => [
    name,
    thousands(middle(rows.map(({ perSecond }) => perSecond))),
    middle(costs(rows)).toFixed(2),
    `${costs(rows)[0]?.toFixed(2) ?? ''} to ${costs(rows).at(-1)?.toFixed(2) ?? ''}`,
    (middle(costs(rows)) / middle(costs(bare))).toFixed(2),
  ]
  return table(
    [
      `connect, push, close, ${gateway.length} × ${thousands(count)}`,
      'per second',
      'CPU ms each',
      'least to most',
      'ratio',
    ],
    [row('bare TLS server', bare), row('gateway, journal on', gateway)],
  )
}

/** Of the error response, behind the answer that it tells of. */
export function burstTable({ count, answersAfterMs, delaysMs, longestStallMs }: Burst): string {
  const at = (index: number): string => delaysMs.at(index)?.toFixed(0) ?? ''
  return table(
    [
      `${thousands(count)} in one go, 2nd bad, answers after ${answersAfterMs} ms`,
      'median ms',
      'least to most',
      'longest stall ms',
    ],
    [
      [
        `error response behind the answer, ${delaysMs.length} times`,
        at(delaysMs.length >> 1),
        `${at(0)} to ${at(-1)}`,
        longestStallMs.toFixed(0),
      ],
    ],
  )
}

/** Alone and watched, and what that takes away. */
export function adminTable(load: AdminLoad): string {
  const { runs, count, alone, watched, lossPercent, cpuPercent } = load
  const rows = [alone, watched].map(({ name, perSecond, cpuMicroseconds }) => [
    name,
    thousands(perSecond),
    cpuMicroseconds.toFixed(2),
  ])
  const changes = [-lossPercent, cpuPercent].map((change) => `${change.toFixed(1)} %`)
  const verdict = lossPercent < mostLossPercent ? 'kept' : 'NOT KEPT'
  return `${table(
    [`admin port, median of ${runs} × ${thousands(count)}`, 'per second', 'CPU µs each'],
    [...rows, ['change', ...changes]],
  )}
promised: throughput falls by less than ${mostLossPercent} %: ${verdict}`
}

/** What Redis costs beside the embedded store, in the gateway and in itself. */
export function storeTable(rows: readonly StoreCost[]): string {
  const unit = (rate: string): number =>
    rows.find(({ name }) => name === `lmdb, ${rate}`)?.cpuMicroseconds ?? NaN
  return table(
    [
      'store',
      'notifications',
      'per second',
      'CPU µs each',
      'of lmdb',
      'Redis µs',
      'commands',
      'B in',
    ],
    rows.map(({ name, count, perSecond, cpuMicroseconds, redis }) => [
      name,
      thousands(count),
      thousands(perSecond),
      cpuMicroseconds.toFixed(1),
      (cpuMicroseconds / unit(name.split(', ')[1] ?? '')).toFixed(2),
      redis?.cpuMicroseconds.toFixed(1) ?? '',
      redis?.commands.toFixed(3) ?? '',
      redis?.bytes.toFixed(0) ?? '',
    ]),
  )
}

/** One row. */
export function memoryTable({
  count,
  perSecond,
  cpuMicroseconds,
  secondQuarter,
  lastQuarter,
  max,
}: Memory): string {
  return table(
    [
      'resident memory',
      'notifications',
      'per second',
      'CPU µs each',
      '2nd quarter MiB',
      'last quarter MiB',
      'max MiB',
    ],
    [
      [
        'gateway, journal on',
        thousands(count),
        thousands(perSecond),
        cpuMicroseconds.toFixed(1),
        ...[secondQuarter, lastQuarter, max].map((bytes) => (bytes / 2 ** 20).toFixed(0)),
      ],
    ],
  )
}

/** One row, and whether it is within its limit. */
export function idleTable({ connections, before, after, max }: Idle): string {
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
  const verdict = max <= mostIdleMiB * 2 ** 20 ? 'kept' : 'NOT KEPT'
  return `${table(
    ['resident memory', 'connections', 'before MiB', 'idle MiB', 'max MiB', 'KiB each'],
    [
      [
        'idle senders, one push each',
        thousands(connections),
        ...[before, after, max].map(mebibytes),
        ((after - before) / connections / 2 ** 10).toFixed(1),
      ],
    ],
  )}
aim: at most ${mostIdleMiB} MiB: ${verdict}`
}

/** Each beside the first. */
export function workersTable(rows: readonly WorkersCost[] | undefined): string {
  if (rows === undefined)
    return 'workers: skipped, redis-server is missing; install: apt-get install redis-server'
  const [first] = rows
  return table(
    ['a connection each', 'notifications', 'per second', '', 'CPU µs each', '', 'cores'],
    rows.map(({ name, count, perSecond, cpuMicroseconds, cores }) => [
      name,
      thousands(count),
      thousands(perSecond),
      `× ${(perSecond / (first?.perSecond ?? NaN)).toFixed(2)}`,
      cpuMicroseconds.toFixed(2),
      `× ${(cpuMicroseconds / (first?.cpuMicroseconds ?? NaN)).toFixed(2)}`,
      cores.toFixed(2),
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

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}
