/** Plays again what senders once wrote: the same records, in the same rhythm. */
import { FieldReader } from '../binary/field-reader.ts'
import { notificationFields } from '../binary/wire-format.ts'
import type { CapturedConnection } from '../capture/capture.ts'
import type { Clock } from '../timing/clock.ts'
import { LegacySender, type GatewayAnswer } from './legacy-sender.ts'
import type { SenderOptions } from './sender-socket.ts'

/** How to play. */
export interface ReplayOptions {
  /** Of the recorded pauses: 2 = twice as fast, Infinity = none. */
  readonly speed: number
  /** One connection for each that was recorded, even where an error response cuts it short. */
  readonly once: boolean
  /** Silence that means success once everything is written, ms. */
  readonly waitMs: number
  readonly stop: AbortSignal
}

/** What came of one connection to the gateway. */
export interface Played {
  /** The captured one. */
  readonly connection: number
  /** Records written, of those that were to be written. */
  readonly records: number
  readonly of: number
  readonly answer: GatewayAnswer
}

/** What a replay is given. */
export interface ReplayDeps {
  readonly sender: SenderOptions
  readonly clock: Clock
  /** So many bytes more stand written; fewer than 0 when some are to be written again. */
  readonly progress: (bytes: number) => void
  /** A connection to the gateway is over. */
  readonly played: (played: Played) => void
}

/** What one connection to the gateway is to write, and when, ms after its beginning. */
type Script = readonly { readonly atMs: number; readonly bytes: Buffer }[]

/**
 * Plays each connection at its time, or after those before it where its time is not known. Where
 * an error response names a message, goes on behind it on a new connection, as senders do.
 * @returns whether everything was written
 * @throws the system's or OpenSSL's error when a handshake fails
 */
export async function replay(
  connections: readonly CapturedConnection[],
  options: ReplayOptions,
  deps: ReplayDeps,
): Promise<boolean> {
  const startedAtMs = deps.clock.now()
  const playing: Promise<boolean>[] = []
  for (const connection of connections) {
    const { startMs } = connection
    if (startMs === undefined) await Promise.all(playing)
    else await pause(startedAtMs + startMs / options.speed - deps.clock.now(), options, deps)
    const whole = playConnection(connection, options, deps)
    // Told by the `all` below; until then it must not be called unhandled.
    whole.catch(() => undefined)
    playing.push(whole)
  }
  return (await Promise.all(playing)).every(Boolean)
}

async function playConnection(
  connection: CapturedConnection,
  options: ReplayOptions,
  deps: ReplayDeps,
): Promise<boolean> {
  let script = scriptOf(connection, options.speed)
  let whole = false
  while (script.length > 0 && !options.stop.aborted) {
    const { records, answer } = await play(script, options, deps)
    deps.played({ connection: connection.number, records, of: script.length, answer })
    whole = records === script.length
    const rest = options.once ? [] : behind(script, answer)
    if (rest.length > 0) deps.progress(bytesOf(script.slice(records)) - bytesOf(rest))
    script = rest
  }
  return whole
}

function scriptOf({ records }: CapturedConnection, speed: number): Script {
  return records
    .filter(({ from }) => from === 'sender')
    .map(({ offsetMs = 0, bytes }) => ({ atMs: offsetMs / speed, bytes }))
}

async function play(
  script: Script,
  { waitMs, stop }: ReplayOptions,
  { sender: to, clock, progress }: ReplayDeps,
): Promise<Pick<Played, 'records' | 'answer'>> {
  const sender = await LegacySender.connect(to, clock)
  const close = (): void => {
    sender.close()
  }
  stop.addEventListener('abort', close)
  const startedAtMs = clock.now()
  let records = 0
  for (const { atMs, bytes } of script) {
    const dueInMs = startedAtMs + atMs - clock.now()
    if (dueInMs > 0) await sender.listen(dueInMs, clock)
    if (sender.isAnswered || stop.aborted) break
    // One write at a time, else several would share a TLS record.
    await sender.write(bytes)
    records++
    progress(bytes.length)
  }
  const answer = await sender.listen(waitMs, clock)
  stop.removeEventListener('abort', close)
  sender.close()
  return { records, answer }
}

/** What an error response has made void; nothing where it does not tell one message from others. */
function behind(script: Script, answer: GatewayAnswer): Script {
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

/** Where the only message with an identifier ends; Infinity where it is not the only one. */
function endOf(stream: Buffer, identifier: number): number {
  const ends: number[] = []
  const fields = new FieldReader(notificationFields).read(stream)
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

async function pause(ms: number, { stop }: ReplayOptions, { clock }: ReplayDeps): Promise<void> {
  if (ms <= 0 || stop.aborted) return
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      cancel()
      stop.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.after(ms, wake)
    stop.addEventListener('abort', wake)
  })
}
