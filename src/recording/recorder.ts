/** Listens in on chosen connections and writes a capture of each. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { feedbackTupleFields, notificationFields } from '../binary/wire-format.ts'
import { formatCapture } from '../capture/capture.ts'
import { Mask } from '../capture/mask.ts'
import type { Clock } from '../timing/clock.ts'
import { CaptureFile } from './capture-file.ts'
import type { Recorded, RecorderEvent } from './recorder-event.ts'
import { Recording } from './recording.ts'

/** What is recorded, and how. */
export interface RecorderOptions {
  /** Made where it is missing, for its owner alone. */
  readonly directory: string
  /** The only route, where given. */
  readonly route: string | undefined
  /** The only address of a sender, where given: IPv4 or IPv6. */
  readonly address: string | undefined
  /** Bounds each file. */
  readonly maxBytes: number
  /** Bounds the number of files. */
  readonly maxConnections: number
  /** In clear instead of masked. */
  readonly tokens: boolean
  readonly payloads: boolean
}

/** One for a process, since its key makes equal tokens equal in all files. */
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
      this.#failed(directory, error)
    }
  }

  /** Begins with what comes next; a connection that stays silent leaves no file. */
  record(socket: TLSSocket, about: Recorded): void {
    if (!this.#isChosen(about) || this.#recorded >= this.#options.maxConnections) return
    let file: CaptureFile | undefined
    const masked = about.kind === 'gateway' ? 'sender' : 'gateway'
    const mask = this.#maskFor(about.kind)
    const recording = new Recording(mask && { from: masked, mask }, this.#clock, (lines) => {
      file ??= this.#open(socket, about)
      file?.append(lines)
      return file?.isOver === false
    })
    observe(socket, recording, (error) => {
      this.#failed(this.#options.directory, error)
    })
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

  /** Undefined once as many are recorded as may be; connections may have begun before. */
  #open(socket: TLSSocket, about: Recorded): CaptureFile | undefined {
    const { directory, maxBytes, maxConnections } = this.#options
    if (this.#recorded >= maxConnections) return undefined
    const number = ++this.#recorded
    const takenAt = new Date(this.#clock.now()).toISOString()
    const path = join(directory, fileName(about, takenAt, number))
    const file = new CaptureFile(path, maxBytes, {
      full: (full) => {
        this.#emit({ event: 'capture.full', file: full })
      },
      failed: (failed, error) => {
        this.#failed(failed, error)
      },
    })
    this.#emit({ event: 'capture.opened', file: path, about })
    if (number === maxConnections) this.#emit({ event: 'capture.finished' })
    file.append(this.#head(socket, about, takenAt))
    return file
  }

  #head(
    socket: TLSSocket,
    { kind, route, address, connection }: Recorded,
    takenAt: string,
  ): string {
    const { tokens, payloads } = this.#options
    const shown = (clear: boolean): string => (clear ? 'as they were' : 'masked')
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

  #failed(path: string, error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#emit({ event: 'capture.failed', file: path, error })
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

/** Hears both directions; what goes wrong in listening is told and ends the recording alone. */
function observe(socket: TLSSocket, recording: Recording, failed: (error: unknown) => void): void {
  const guarded = (listen: () => void): void => {
    try {
      listen()
    } catch (error) {
      recording.abandon()
      failed(error)
    }
  }
  socket.on('data', (bytes: Buffer) => {
    guarded(() => {
      recording.note('sender', bytes)
    })
  })
  for (const verb of ['write', 'end'] as const) {
    const original: unknown = Reflect.get(socket, verb)
    if (typeof original !== 'function') continue
    const value = (...args: readonly unknown[]): unknown => {
      const [bytes] = args
      if (bytes instanceof Uint8Array && socket.writable)
        guarded(() => {
          recording.note('gateway', bytes)
        })
      return Reflect.apply(original, socket, args)
    }
    Object.defineProperty(socket, verb, { value, configurable: true, writable: true })
  }
  // Before the file is closed: listeners are called in their order.
  socket.once('close', () => {
    guarded(() => {
      recording.end()
    })
  })
}
