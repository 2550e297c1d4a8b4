/** Replays the records that senders wrote, with the recorded pauses. */
import { once } from 'node:events'
import { FieldScanner } from '../binary/field-scanner.ts'
import { notificationFields } from '../binary/wire-format.ts'
import type { CapturedConnection } from '../capture/capture.ts'
import type { Clock } from '../timing/clock.ts'
import { within } from '../timing/timer.ts'
import { LegacySender, type GatewayAnswer } from './legacy-sender.ts'
import type { SenderOptions } from './sender-socket.ts'

export interface ReplayOptions {
  /** Divides the recorded pauses: 2 = half as long, Infinity = none. */
  readonly speed: number
  /** Opens one connection for each recorded one, and does not continue after an error response. */
  readonly once: boolean
  /** Milliseconds without an answer after the last write that mean success. */
  readonly waitMs: number
  readonly stop: AbortSignal
}

/** The result of one connection to the gateway. */
export interface Played {
  /** Number of the captured connection. */
  readonly connection: number
  /** Records written; `of`: records to write. */
  readonly records: number
  readonly of: number
  readonly answer: GatewayAnswer
}

export interface ReplayDeps {
  readonly sender: SenderOptions
  readonly clock: Clock
  /** Called with the bytes written; negative if bytes must be written again. */
  readonly progress: (bytes: number) => void
  /** Called when a connection to the gateway has ended. */
  readonly played: (played: Played) => void
}

/** The writes of one connection to the gateway; `atMs` after the connection was opened. */
type Script = readonly { readonly atMs: number; readonly bytes: Buffer }[]

/**
 * Opens each connection at its recorded time; without a time, after all earlier ones have ended. If
 * an error response names a message, continues after that message on a new connection, as senders
 * do.
 * @returns whether everything was written
 * @throws the system's or OpenSSL's error when a handshake fails
 */
export async function replay(
  connections: readonly CapturedConnection[],
  options: ReplayOptions,
  deps: ReplayDeps,
): Promise<boolean> {
  const startedAtMs = deps.clock.now()
  const stopped = once(options.stop, 'abort')
  const playing: Promise<boolean>[] = []
  for (const connection of connections) {
    const { startMs } = connection
    if (startMs === undefined) await Promise.all(playing)
    const dueInMs = startedAtMs + (startMs ?? 0) / options.speed - deps.clock.now()
    if (dueInMs > 0 && !options.stop.aborted) await within(deps.clock, dueInMs, stopped)
    const playedWhole = playConnection(connection, options, deps)
    // `Promise.all` below reports the error; until then it must not be an unhandled rejection.
    playedWhole.catch(() => undefined)
    playing.push(playedWhole)
  }
  return (await Promise.all(playing)).every(Boolean)
}

async function playConnection(
  connection: CapturedConnection,
  options: ReplayOptions,
  deps: ReplayDeps,
): Promise<boolean> {
  let script = scriptOf(connection, options.speed)
  let isComplete = false
  while (script.length > 0 && !options.stop.aborted) {
    const { records, answer } = await playOnce(script, options, deps)
    deps.played({ connection: connection.number, records, of: script.length, answer })
    isComplete = records === script.length
    const rest = options.once ? [] : remainderAfter(script, answer)
    if (rest.length > 0) deps.progress(bytesOf(script.slice(records)) - bytesOf(rest))
    script = rest
  }
  return isComplete
}

function scriptOf({ records }: CapturedConnection, speed: number): Script {
  return records
    .filter(({ from }) => from === 'sender')
    .map(({ offsetMs = 0, bytes }) => ({ atMs: offsetMs / speed, bytes }))
}

async function playOnce(
  script: Script,
  { waitMs, stop }: ReplayOptions,
  { sender: to, clock, progress }: ReplayDeps,
): Promise<Pick<Played, 'records' | 'answer'>> {
  const sender = await LegacySender.connect(to, clock)
  const close = (): void => sender.close()
  stop.addEventListener('abort', close)
  const startedAtMs = clock.now()
  let records = 0
  for (const { atMs, bytes } of script) {
    const dueInMs = startedAtMs + atMs - clock.now()
    if (dueInMs > 0) await sender.listen(dueInMs, clock)
    if (sender.isAnswered || stop.aborted) break
    // Waits for each write, because concurrent writes would share a TLS record.
    await sender.write(bytes)
    records++
    progress(bytes.length)
  }
  const answer = await sender.listen(waitMs, clock)
  stop.removeEventListener('abort', close)
  sender.close()
  return { records, answer }
}

/** The writes that the gateway discarded; none if the error response names no unique message. */
function remainderAfter(script: Script, answer: GatewayAnswer): Script {
  if (answer.kind !== 'error-response') return []
  let skip = endOf(Buffer.concat(script.map(({ bytes }) => bytes)), answer.response.identifier)
  const rest = script.flatMap(({ atMs, bytes }) => {
    const left = bytes.subarray(skip)
    skip = Math.max(0, skip - bytes.length)
    return left.length === 0 ? [] : [{ atMs, bytes: left }]
  })
  const firstAtMs = rest[0]?.atMs ?? 0
  return rest.map(({ atMs, bytes }) => ({ atMs: atMs - firstAtMs, bytes }))
}

/** End offset of the message with this identifier; Infinity if none or several messages have it. */
function endOf(stream: Buffer, identifier: number): number {
  const ends: number[] = []
  const fields = new FieldScanner(notificationFields).read(stream)
  let isNamed = false
  for (const { name, bytes, content, offset, isWhole, isLast, value } of fields) {
    isNamed ||= name === 'identifier' && bytes === 4 && isWhole && value === identifier
    if (isLast && isNamed) ends.push(offset + content.length)
    if (isLast) isNamed = false
  }
  if (isNamed) ends.push(stream.length)
  return ends.length === 1 ? (ends[0] ?? Infinity) : Infinity
}

function bytesOf(script: Script): number {
  return script.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
