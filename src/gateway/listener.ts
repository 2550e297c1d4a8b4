/** A TLS port where senders are recognised by their certificate and handed on with their route. */
import { once } from 'node:events'
import {
  createServer,
  isIP,
  type AddressInfo,
  type BlockList,
  type Server,
  type Socket,
} from 'node:net'
import {
  createServer as createTlsServer,
  type SecureVersion,
  type Server as TlsServer,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls'
import type { Clock } from '../timing/clock.ts'
import type { Environment } from '../credentials/certificate.ts'
import { offeredVersion } from './client-hello.ts'
import { handshakeCause, type HandshakeCause } from './handshake-cause.ts'
import { ProxyHeaderError, readProxyHeader } from './proxy-header.ts'
import {
  CertificateReader,
  type Admission,
  type SenderCertificate,
  type SenderRegistry,
} from './sender-registry.ts'

/** How a listener is set up. */
export interface ListenerOptions {
  readonly kind: 'gateway' | 'feedback'
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Only routes of this environment are served, where given. */
  readonly environment: Environment | undefined
  readonly certificatePem: string
  readonly keyPem: string
  /** Default TLSv1.2; older ones bring OpenSSL's security level 0 with them. */
  readonly minVersion: SecureVersion
  /** From the first byte to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** Connections beyond are dropped before the handshake. */
  readonly maxConnections: number
  /** Load balancers: where given, nobody else may connect, and they say for whom they do. */
  readonly balancers: BlockList | undefined
}

/** Why a peer was not let in. */
export type Refusal = 'no-certificate' | 'unknown-certificate'

/** Peers that did not become senders, since start. */
export interface ListenerCounters {
  readonly handshakeFailures: Record<HandshakeCause, number>
  readonly refused: Record<Refusal, number>
  dropped: number
}

/** Hears of peers that did not become senders. */
export interface ListenerObserver {
  refused(
    address: string,
    refusal: Refusal,
    certificate: SenderCertificate | undefined,
    environment: Environment | undefined,
  ): void
  /** `offered`: the TLS version at the most, where the peer said one. */
  handshakeFailed(
    address: string,
    cause: HandshakeCause,
    error: Error,
    offered: string | undefined,
  ): void
  dropped(): void
}

/** Takes over a recognised sender; the socket already has an error listener. */
export type Welcome<Route> = (
  socket: TLSSocket,
  route: Route,
  certificate: SenderCertificate,
  address: string,
) => void

/** What a listener is given. */
export interface ListenerDeps<Route extends Admission> {
  /** The senders known by now. */
  readonly registry: () => SenderRegistry<Route>
  readonly welcome: Welcome<Route>
  readonly clock: Clock
  readonly observer: ListenerObserver
  /** File descriptor of a socket that is bound already; it takes the place of host and port. */
  readonly inherited: number | undefined
}

/** Connections that wait in the kernel, at most; it lowers this to its own limit. */
const backlog = 4096

/** A peer that has said nothing at all is like one that stops in the middle. */
const silent = Object.assign(new Error('no byte within the time for the handshake'), {
  code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
})

const notListed = Object.assign(
  new Error('only load balancers may connect here; if this is one, add it to proxyProtocol.from'),
  { code: 'ERR_PROXY_NOT_LISTED' },
)

/** A peer whose handshake is not over. */
interface Greeting {
  readonly socket: Socket
  /** Its own, or that of the sender for whom a load balancer connects. */
  address: string
  /** The TLS version at the most, where it has said one. */
  offered: string | undefined
}

/** An open port: the first bytes of each connection are looked at, then TLS has them. */
export class Listener {
  readonly counters: ListenerCounters = newCounters()
  readonly #server: Server
  readonly #tls: TlsServer
  readonly #clock: Clock
  readonly #observer: ListenerObserver
  readonly #certificates = new CertificateReader()
  #options: ListenerOptions
  readonly #sockets = new Set<Socket>()
  #connections = 0
  /** Those whose handshake is not over, by the peer's address and port. */
  readonly #greetings = new Map<string, Greeting>()
  #onGreeted: (() => void) | undefined
  #isDestroyed = false

  private constructor(options: ListenerOptions, clock: Clock, observer: ListenerObserver) {
    this.#options = options
    this.#clock = clock
    this.#observer = observer
    this.#tls = createTlsServer(serverOptions(options))
    this.#server = createServer({ allowHalfOpen: true })
  }

  /**
   * Binds and serves.
   * @throws the system's error when the address cannot be bound
   */
  static async open<Route extends Admission>(
    options: ListenerOptions,
    deps: ListenerDeps<Route>,
  ): Promise<Listener> {
    const { observer, inherited } = deps
    const listener = new Listener(options, deps.clock, observer)
    const server = listener.#server
    server.on('connection', (socket) => {
      if (listener.#connections < listener.#options.maxConnections) listener.#greet(socket)
      else listener.#drop(socket)
    })
    listener.#tls.on('tlsClientError', (error, socket) => {
      listener.#failed(listener.#greetings.get(peerOf(socket)), error)
      // Node leaves a socket open whose handshake has timed out.
      socket.destroy()
    })
    listener.#tls.on('secureConnection', (socket) => {
      listener.#keep(socket)
      const greeting = listener.#greetings.get(peerOf(socket))
      listener.#endGreeting(peerOf(socket))
      if (listener.#isDestroyed) socket.destroy()
      else listener.#admit(socket, greeting?.address ?? 'unknown', deps)
    })
    const { host, port } = options
    server.listen({ ...(inherited === undefined ? { host, port } : { fd: inherited }), backlog })
    await once(server, 'listening')
    server.on('error', (error: Error) => {
      listener.#failed({ address: 'listener', offered: undefined }, error)
    })
    return listener
  }

  get kind(): ListenerOptions['kind'] {
    return this.#options.kind
  }

  /** Where it is bound. */
  get address(): AddressInfo {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('no TCP socket')
    return address
  }

  /** Goes by other options from the next connection on; the address and handshake time stay. */
  renew(options: ListenerOptions): void {
    this.#options = options
    this.#tls.setSecureContext(secureContext(options))
  }

  /**
   * Accepts no more; resolves once the last connection has closed. Of an inherited socket this is
   * one copy: who has connected and was not accepted waits for the next process.
   */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Resolves once no handshake is under way; after `withinMs` those that still are are broken off. */
  async finishHandshakes(withinMs: number): Promise<void> {
    if (this.#greetings.size === 0) return
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(withinMs, () => {
        for (const { socket } of this.#greetings.values()) socket.destroy()
      })
      this.#onGreeted = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Ends every connection now, also those in their handshake. */
  destroyConnections(): void {
    this.#isDestroyed = true
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * Not by `maxConnections` of `node:net`: under `node:cluster` a connection would be handed from one
   * full process to the next without end. — source: Node 20, lib/internal/cluster/child.js
   */
  #drop(socket: Socket): void {
    this.counters.dropped++
    this.#observer.dropped()
    socket.on('error', () => {
      // It is gone anyhow.
    })
    socket.destroy()
  }

  #greet(socket: Socket): void {
    this.#keep(socket)
    this.#connections++
    socket.on('close', () => {
      this.#connections--
    })
    const address = socket.remoteAddress ?? 'unknown'
    const greeting: Greeting = { socket, address, offered: undefined }
    const { balancers, handshakeTimeoutMs } = this.#options
    if (balancers !== undefined && !includes(balancers, address)) {
      this.#turnDown(greeting, notListed)
      return
    }
    const cancel = this.#clock.after(handshakeTimeoutMs, () => {
      this.#turnDown(greeting, silent)
    })
    const peer = peerOf(socket)
    this.#greetings.set(peer, greeting)
    socket.on('close', () => {
      cancel()
      this.#endGreeting(peer)
    })
    const leave = (): void => {
      socket.destroy()
    }
    const hello = (first: Buffer): void => {
      cancel()
      socket.off('end', leave)
      greeting.offered = offeredVersion(first)
      socket.pause()
      socket.unshift(first)
      this.#tls.emit('connection', socket)
    }
    socket.once('end', leave)
    if (balancers === undefined) socket.once('data', hello)
    else this.#readHeader(greeting, hello)
  }

  /** What follows the header of a load balancer goes to `hello`, never empty. */
  #readHeader(greeting: Greeting, hello: (first: Buffer) => void): void {
    const { socket } = greeting
    let bytes = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      try {
        const header = readProxyHeader(bytes)
        if (header === undefined) return
        socket.off('data', read)
        greeting.address = header.source ?? greeting.address
        const first = bytes.subarray(header.lengthBytes)
        if (first.length > 0) hello(first)
        else socket.once('data', hello)
      } catch (error) {
        socket.off('data', read)
        if (!(error instanceof ProxyHeaderError)) throw error
        this.#turnDown(greeting, error)
      }
    }
    socket.on('data', read)
  }

  #admit<Route extends Admission>(
    socket: TLSSocket,
    address: string,
    { registry, welcome }: ListenerDeps<Route>,
  ): void {
    const { environment, handshakeTimeoutMs } = this.#options
    const certificate = this.#certificates.read(socket)
    const route = certificate && registry().find(certificate.publicKeySha256, environment)
    if (certificate !== undefined && route !== undefined) {
      welcome(socket, route, certificate, address)
      return
    }
    turnAway(socket, handshakeTimeoutMs, this.#clock)
    const refusal = certificate === undefined ? 'no-certificate' : 'unknown-certificate'
    this.counters.refused[refusal]++
    this.#observer.refused(address, refusal, certificate, environment)
  }

  #turnDown(greeting: Greeting, error: Error): void {
    this.#failed(greeting, error)
    greeting.socket.destroy()
  }

  #failed(greeting: Pick<Greeting, 'address' | 'offered'> | undefined, error: Error): void {
    const cause = handshakeCause(error)
    this.counters.handshakeFailures[cause]++
    this.#observer.handshakeFailed(greeting?.address ?? 'unknown', cause, error, greeting?.offered)
  }

  #endGreeting(peer: string): void {
    this.#greetings.delete(peer)
    if (this.#greetings.size === 0) this.#onGreeted?.()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setKeepAlive(true, 60_000)
    socket.on('error', () => {
      // A reset is told by the `close` that follows.
    })
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

function newCounters(): ListenerCounters {
  return {
    handshakeFailures: {
      timeout: 0,
      reset: 0,
      'not-tls': 0,
      'plain-http': 0,
      'tls-version': 0,
      cipher: 0,
      untrusted: 0,
      'proxy-header': 0,
      other: 0,
    },
    refused: { 'no-certificate': 0, 'unknown-certificate': 0 },
    dropped: 0,
  }
}

function includes(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`
}

/** Closes a peer that may not send, as the old gateway did: after the handshake, without a word. */
export function turnAway(socket: Socket, patienceMs: number, clock: Clock): void {
  const cancel = clock.after(patienceMs, () => socket.destroy())
  socket.once('close', cancel)
  socket.end()
  socket.resume()
}

/**
 * TLS 1.2 at the most: the session tickets of 1.3 hang houston and make PyAPNs close. A certificate
 * is asked for and judged by its key alone, since neither CA nor expiry says who may send.
 * — source: senders.md 1 and 6, measured with the unmodified clients
 */
function serverOptions(options: ListenerOptions): TlsOptions {
  return {
    ...secureContext(options),
    requestCert: true,
    rejectUnauthorized: false,
    allowHalfOpen: true,
    handshakeTimeout: options.handshakeTimeoutMs,
  }
}

function secureContext({ certificatePem, keyPem, minVersion }: ListenerOptions): TlsOptions {
  const old = minVersion === 'TLSv1' || minVersion === 'TLSv1.1'
  return {
    cert: certificatePem,
    key: keyPem,
    minVersion,
    maxVersion: 'TLSv1.2',
    ...(old && { ciphers: 'DEFAULT:@SECLEVEL=0' }),
  }
}
