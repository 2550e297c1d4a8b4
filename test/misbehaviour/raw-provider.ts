/** A provider API over TLS that misbehaves on its first connections, and counts what it has accepted. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createSecureContext, TLSSocket, type SecureContextOptions } from 'node:tls'
import { HpackDecoder } from '../../src/upstream/http2/hpack-decoder.ts'
import { hex } from '../fixtures/hex.ts'
import { server as identity } from '../fixtures/identity.ts'
import { emptySettings, field, frame, type SentFrame } from '../fixtures/raw-peer.ts'

/** One request, known by the device token in its path. */
export interface RawRequest {
  readonly streamId: number
  readonly token: string
}

/** What APNs says against a token. */
export interface Rejection {
  readonly status: number
  readonly reason: string
}

/** How a provider misbehaves. What is absent is as it should be. */
export interface Manner {
  /** So many connections misbehave, then all is well. Default 2. */
  readonly connections?: number
  /** Serves the TCP connection without TLS. */
  readonly plain?: (socket: Socket) => void
  /** Default: a good certificate, and ALPN h2. */
  readonly tls?: () => SecureContextOptions | Promise<SecureContextOptions>
  /** Default `h2`; undefined: the server knows no ALPN. */
  readonly alpn?: readonly string[] | undefined
  /** In hexadecimal. Default: empty SETTINGS. */
  readonly greeting?: string
  /** Whether SETTINGS and PING of the client get no answer. */
  readonly isMute?: true
  /** The client's preface has arrived. */
  readonly opened?: (peer: RawConnection) => void
  /** The headers of a request have arrived. */
  readonly began?: (peer: RawConnection, request: RawRequest) => void
  /** A request is complete. Default: it is accepted. */
  readonly request?: (peer: RawConnection, request: RawRequest) => void
  /** Any frame, before anything else is done with it. */
  readonly frame?: (peer: RawConnection, frame: SentFrame) => void
}

export const apnsId = field('apns-id', '7c1a4e4e-52a4-4f0c-9d3e-8b1f6d6a7c21')
/** `:status: 200`, of the static table. */
export const status200 = '88'

const prefaceBytes = 24
const good: Manner = {}

/** One TLS connection of the proxy. */
export class RawConnection {
  readonly socket: Socket
  /** From 1, since the misbehaviour began. */
  readonly number: number
  /** Requests that are complete, in their order. */
  readonly requests: RawRequest[] = []
  readonly #provider: RawProvider
  readonly #manner: Manner
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536 })
  readonly #open = new Map<number, RawRequest>()
  #received = Buffer.alloc(0)
  #isOpen = false

  constructor(socket: Socket, number: number, provider: RawProvider, manner: Manner) {
    this.socket = socket
    this.number = number
    this.#provider = provider
    this.#manner = manner
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.write(manner.greeting ?? emptySettings)
  }

  /** Writes hexadecimal. */
  write(text: string): void {
    if (this.socket.writable) this.socket.write(hex(text))
  }

  /** Notes that APNs has the notification. */
  accept({ token }: RawRequest): void {
    this.#provider.accept(token)
  }

  /** Accepts a request, and answers with 200. */
  ok(request: RawRequest): void {
    this.accept(request)
    this.write(frame(1, 5, request.streamId, status200 + apnsId))
  }

  /** As {@link ok}, after a time. */
  okLater(request: RawRequest, ms: number): void {
    this.#provider.pending++
    setTimeout(() => {
      this.#provider.pending--
      this.ok(request)
    }, ms)
  }

  #receive(chunk: Buffer): void {
    this.#provider.activity++
    this.#received = Buffer.concat([this.#received, chunk])
    if (!this.#isOpen) {
      if (this.#received.length < prefaceBytes) return
      this.#isOpen = true
      this.#received = this.#received.subarray(prefaceBytes)
      this.#manner.opened?.(this)
    }
    while (this.#received.length >= 9) {
      const end = 9 + this.#received.readUIntBE(0, 3)
      if (this.#received.length < end) return
      this.#handle(this.#received.subarray(0, end))
      this.#received = this.#received.subarray(end)
    }
  }

  #handle(bytes: Buffer): void {
    const [type, flags, streamId] = [bytes[3] ?? 0, bytes[4] ?? 0, bytes.readUInt32BE(5)]
    const payload = bytes.toString('hex', 9)
    this.#manner.frame?.(this, { type, flags, streamId, payload })
    const isAck = (flags & 1) !== 0
    if (type === 1) this.#begin(streamId, bytes.subarray(9))
    // The window of the connection stays as it is.
    else if (type === 0 && payload !== '') this.write(grant(0, payload.length / 2))
    else if (type === 4 && !isAck && this.#manner.isMute !== true) this.write(frame(4, 1, 0))
    else if (type === 6 && !isAck && this.#manner.isMute !== true)
      this.write(frame(6, 1, 0, payload))
    if (type <= 1 && isAck) this.#complete(streamId)
  }

  #begin(streamId: number, block: Buffer): void {
    const { fields } = this.#decoder.decode(block)
    const path = fields.find(([name]) => name === ':path')?.[1] ?? ''
    const request = { streamId, token: path.slice('/3/device/'.length) }
    this.#open.set(streamId, request)
    this.#manner.began?.(this, request)
  }

  #complete(streamId: number): void {
    const request = this.#open.get(streamId)
    if (request === undefined) return
    this.#open.delete(streamId)
    this.requests.push(request)
    const rejection = this.#provider.rejections.get(request.token)
    if (rejection !== undefined) this.#reject(request, rejection)
    else if (this.#manner.request === undefined) this.ok(request)
    else this.#manner.request(this, request)
  }

  #reject({ streamId }: RawRequest, { status, reason }: Rejection): void {
    const body = Buffer.from(JSON.stringify({ reason })).toString('hex')
    this.write(frame(1, 4, streamId, field(':status', String(status)) + apnsId))
    this.write(frame(0, 1, streamId, body))
  }
}

/** WINDOW_UPDATE. */
export function grant(streamId: number, bytes: number): string {
  return frame(8, 0, streamId, bytes.toString(16).padStart(8, '0'))
}

/** Listens from {@link open} to {@link close}. */
export class RawProvider {
  /** Grows with whatever the proxy does. */
  activity = 0
  readonly #server = createServer((socket) => this.#serve(socket))
  readonly #sockets = new Set<Socket>()
  readonly #accepted = new Map<string, number>()
  /** Tokens that are rejected, also by a provider that is good. */
  readonly rejections = new Map<string, Rejection>()
  /** Requests that will be accepted after a time. */
  pending = 0
  /** Of all notifications together. */
  accepted = 0
  #manner = good
  #connections = 0

  static async open(): Promise<RawProvider> {
    const provider = new RawProvider()
    provider.#server.listen(0, '127.0.0.1')
    await once(provider.#server, 'listening')
    return provider
  }

  get origin(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections since {@link misbehave}. */
  get connections(): number {
    return this.#connections
  }

  /** How often a notification was accepted. */
  acceptedOf(token: string): number {
    return this.#accepted.get(token) ?? 0
  }

  accept(token: string): void {
    this.accepted++
    this.#accepted.set(token, this.acceptedOf(token) + 1)
  }

  /** Closes all connections; the next ones misbehave. */
  misbehave(manner: Manner): void {
    this.#manner = manner
    this.#connections = 0
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Connections from now on are good; the present ones stay as they are. */
  behave(): void {
    this.#manner = good
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #serve(socket: Socket): void {
    this.activity++
    const number = ++this.#connections
    const manner = number > (this.#manner.connections ?? 2) ? good : this.#manner
    this.#keep(socket)
    if (manner.plain === undefined) void this.#serveTls(socket, number, manner)
    else manner.plain(socket)
  }

  async #serveTls(socket: Socket, number: number, manner: Manner): Promise<void> {
    const { certificatePem: cert, keyPem: key } = identity
    const secureContext = createSecureContext((await manner.tls?.()) ?? { cert, key })
    const alpn = 'alpn' in manner ? manner.alpn : ['h2']
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ...(alpn && { ALPNProtocols: [...alpn] }),
    })
    this.#keep(secure)
    secure.once('secure', () => new RawConnection(secure, number, this, manner))
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {
      // The proxy has gone, which is counted where it matters.
    })
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
