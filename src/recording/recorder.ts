/** Records selected connections; writes a capture file for each. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { feedbackTupleFields, notificationFields } from '../binary/wire-format.ts'
import { formatCapture } from '../capture/capture.ts'
import { Mask } from '../capture/mask.ts'
import type { Clock } from '../timing/clock.ts'
import { CaptureFile, type CaptureFileEvent } from './capture-file.ts'
import { Recording } from './recording.ts'

export interface RecorderOptions {
  /** Created if missing, accessible by its owner only. */
  readonly directory: string
  /** Records this route only; undefined = all. */
  readonly route: string | undefined
  /** Records this sender only, an IPv4 or IPv6 address; undefined = all. */
  readonly address: string | undefined
  /** Of each file. */
  readonly maxBytes: number
  /** The maximum number of files. */
  readonly maxConnections: number
  /** Whether tokens and payloads are recorded unmasked. */
  readonly tokens: boolean
  readonly payloads: boolean
}

/** A recorded connection. */
interface Recorded {
  readonly kind: 'gateway' | 'feedback'
  readonly route: string
  /** Address of the sender. */
  readonly address: string
  /** Its number in the log, if it has one. */
  readonly connection?: number
}

/** What happens to captures. Each name is also that of the log event. */
export type RecorderEvent =
  /** Other users can list the directory, but cannot read the files. */
  | { readonly event: 'capture.exposed'; readonly directory: string }
  | { readonly event: 'capture.opened'; readonly file: string; readonly about: Recorded }
  /** `capture.failed` is emitted once: further failures are not reported. */
  | CaptureFileEvent
  /** The last of the permitted connections is being recorded. */
  | { readonly event: 'capture.finished' }

/** One for each process: its key masks equal tokens equally in all files. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #clock: Clock
  readonly #emit: (event: RecorderEvent) => void
  readonly #key = randomBytes(32)
  readonly #addresses = new BlockList()
  #recorded = 0
  #hasFailed = false

  constructor(options: RecorderOptions, clock: Clock, emit: (event: RecorderEvent) => void) {
    const { address, directory } = options
    this.#options = options
    this.#clock = clock
    this.#emit = emit
    if (address !== undefined) this.#addresses.addAddress(address, familyOf(address))
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      if ((statSync(directory).mode & 0o077) !== 0) emit({ event: 'capture.exposed', directory })
    } catch (error) {
      this.#report({ event: 'capture.failed', file: directory, error })
    }
  }

  /** Records from now on; a connection without data leaves no file. */
  record(socket: TLSSocket, about: Recorded): void {
    if (!this.#isChosen(about) || this.#recorded >= this.#options.maxConnections) return
    let file: CaptureFile | undefined
    const masked = about.kind === 'gateway' ? 'sender' : 'gateway'
    const mask = this.#maskFor(about.kind)
    const recording = new Recording(mask && { from: masked, mask }, this.#clock, (lines) => {
      file ??= this.#open(socket, about)
      file?.append(lines)
      return file?.isClosed === false
    })
    attach(socket, recording, (error) =>
      this.#report({ event: 'capture.failed', file: this.#options.directory, error }),
    )
    socket.once('close', () => file?.close())
  }

  #isChosen({ address, route }: Recorded): boolean {
    const wanted = this.#options
    if (wanted.route !== undefined && wanted.route !== route) return false
    if (wanted.address === undefined) return true
    return this.#addresses.check(address, familyOf(address))
  }

  #maskFor(kind: Recorded['kind']): Mask | undefined {
    const { tokens, payloads } = this.#options
    if (tokens && payloads) return undefined
    const fields = kind === 'gateway' ? notificationFields : feedbackTupleFields
    return new Mask(fields, { key: this.#key, tokens: !tokens, payloads: !payloads })
  }

  /** Undefined if other connections have reached the maximum number of files in the meantime. */
  #open(socket: TLSSocket, about: Recorded): CaptureFile | undefined {
    const { directory, maxBytes, maxConnections } = this.#options
    if (this.#recorded >= maxConnections) return undefined
    const number = ++this.#recorded
    const takenAt = new Date(this.#clock.now()).toISOString()
    const path = join(directory, fileName(about, takenAt, number))
    const file = new CaptureFile(path, maxBytes, this.#report.bind(this))
    this.#emit({ event: 'capture.opened', file: path, about })
    if (number === maxConnections) this.#emit({ event: 'capture.finished' })
    file.append(this.#header(socket, about, takenAt))
    return file
  }

  #header(socket: TLSSocket, about: Recorded, takenAt: string): string {
    const { kind, route, address, connection } = about
    const { tokens, payloads } = this.#options
    const shown = (clear: boolean): string => (clear ? 'unmasked' : 'masked')
    const number = connection === undefined ? '' : ` ${connection}`
    return formatCapture({
      header: [
        `taken: by apns-legacy-proxy at ${takenAt}, over ${socket.getProtocol() ?? 'TLS'}`,
        `from: ${kind} connection${number} of ${address}, route ${JSON.stringify(route)}`,
        `device tokens: ${shown(tokens)}; payloads: ${shown(payloads)}`,
      ],
      connections: [{ number: 1, startMs: undefined, records: [] }],
    })
  }

  #report(event: CaptureFileEvent): void {
    const isFailure = event.event === 'capture.failed'
    if (!isFailure || !this.#hasFailed) this.#emit(event)
    this.#hasFailed ||= isFailure
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

function fileName({ kind, route }: Recorded, takenAt: string, number: number): string {
  const name = route.replaceAll(/[^\w.-]/g, '_')
  const time = takenAt.replaceAll(/[-:]/g, '')
  const what = kind === 'feedback' ? [name, kind] : [name]
  return `${[...what, time, number].join('-')}.capture`
}

/** Records both directions. An error is reported and ends the recording, not the connection. */
function attach(socket: TLSSocket, recording: Recording, failed: (error: unknown) => void): void {
  const catching = (action: () => void): void => {
    try {
      action()
    } catch (error) {
      recording.stop()
      failed(error)
    }
  }
  socket.on('data', (bytes: Buffer) => catching(() => recording.add('sender', bytes)))
  for (const verb of ['write', 'end'] as const) {
    const original: unknown = Reflect.get(socket, verb)
    if (typeof original !== 'function') continue
    const value = (...args: readonly unknown[]): unknown => {
      const [bytes] = args
      if (bytes instanceof Uint8Array && socket.writable)
        catching(() => recording.add('gateway', bytes))
      return Reflect.apply(original, socket, args)
    }
    Object.defineProperty(socket, verb, { value, configurable: true, writable: true })
  }
  // Registered before the listener that closes the file, so the last records are still written.
  socket.once('close', () => catching(() => recording.end()))
}
