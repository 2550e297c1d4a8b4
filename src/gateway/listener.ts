/** A TLS port where senders are recognised by their certificate and handed on with their route. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import type { Environment } from '../credentials/certificate.ts'
import type { Clock } from '../timing/clock.ts'
import { handshakeCause } from './handshake-cause.ts'
import { TurnedAwayCounters, type ListenerEvent } from './listener-event.ts'
import {
  listHas,
  PendingHandshakes,
  type HandshakeLimits,
  type Peer,
} from './pending-handshakes.ts'
import {
  CertificateReader,
  type Admission,
  type SenderCertificate,
  type RouteBySenderKey,
} from './route-by-sender-key.ts'
import { secureContext, type SecureContextSettings } from './tls-options.ts'

/** How a listener is set up. */
export interface ListenerOptions extends HandshakeLimits, SecureContextSettings {
  readonly kind: 'gateway' | 'feedback'
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Only routes of this environment are served, where given. */
  readonly environment: Environment | undefined
  /** Connections beyond are dropped before the handshake. */
  readonly maxConnections: number
}

/** A connection whose sender has a route. */
export interface RecognisedSender<Route> {
  /** Has an error listener already. */
  readonly socket: TLSSocket
  readonly route: Route
  readonly certificate: SenderCertificate
  readonly address: string
}

/** What a listener works with. */
export interface ListenerDeps<Route extends Admission> {
  /** The senders that are admitted at present. */
  readonly registry: () => RouteBySenderKey<Route>
  readonly accept: (sender: RecognisedSender<Route>) => void
  readonly clock: Clock
  readonly emit: (event: ListenerEvent) => void
  /** File descriptor of a socket that is bound already; it takes the place of host and port. */
  readonly inherited: number | undefined
}

/** Connections that wait in the kernel, at most; it lowers this to its own limit. */
const backlog = 4096
const keepAliveMs = 60_000

/** An open port: accepts connections, completes their TLS handshakes and finds the route of each. */
export class Listener<Route extends Admission> {
  readonly counters = new TurnedAwayCounters()
  readonly #deps: ListenerDeps<Route>
  readonly #server: Server
  readonly #tls: TlsServer
  readonly #handshakes: PendingHandshakes
  readonly #certificates = new CertificateReader()
  #options: ListenerOptions
  /** As accepted: to destroy one also destroys the TLS socket over it. */
  readonly #sockets = new Set<Socket>()
  #isDestroyed = false

  private constructor(options: ListenerOptions, deps: ListenerDeps<Route>) {
    this.#options = options
    this.#deps = deps
    // A certificate is judged by its key alone: neither CA nor expiry says who may send.
    // — source: senders.md 1 and 6, measured with the unmodified clients
    this.#tls = createTlsServer({
      ...secureContext(options),
      requestCert: true,
      rejectUnauthorized: false,
      allowHalfOpen: true,
      handshakeTimeout: options.handshakeTimeoutMs,
    })
    this.#server = createServer({ allowHalfOpen: true })
    this.#handshakes = new PendingHandshakes(deps.clock, {
      startTls: (socket) => this.#tls.emit('connection', socket),
      probed: ({ address }) => this.#emit({ event: 'connection.probed', address }),
      failed: (peer, error) => this.#failed(peer, error),
    })
  }

  /**
   * Binds and serves.
   * @throws the system's error when the address cannot be bound
   */
  static async open<Route extends Admission>(
    options: ListenerOptions,
    deps: ListenerDeps<Route>,
  ): Promise<Listener<Route>> {
    const listener = new Listener(options, deps)
    await listener.#listen(deps.inherited)
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

  /** Applies other options from the next connection on; the address and handshake time stay. */
  reconfigure(options: ListenerOptions): void {
    this.#options = options
    this.#tls.setSecureContext(secureContext(options))
  }

  /**
   * Accepts no more; resolves once the last connection has closed. Of an inherited socket this is
   * one copy: a connection that was not accepted waits for the next process.
   */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Resolves once no handshake is pending; after `withinMs` the pending ones are aborted. */
  finishHandshakes(withinMs: number): Promise<void> {
    return this.#handshakes.finish(withinMs)
  }

  /** Ends every connection now, also those in their handshake. */
  destroyConnections(): void {
    this.#isDestroyed = true
    for (const socket of this.#sockets) socket.destroy()
  }

  async #listen(inherited: number | undefined): Promise<void> {
    const server = this.#server
    server.on('connection', (socket) => {
      ignoreErrors(socket)
      if (this.#sockets.size < this.#options.maxConnections) this.#accept(socket)
      else this.#drop(socket)
    })
    this.#tls.on('tlsClientError', (error, socket) => {
      const peer = this.#handshakes.complete(socket)
      // A failure of a closed connection has been told when it closed.
      if (peer !== undefined) this.#failed(peer, error)
      // Node leaves a socket open whose handshake has timed out.
      socket.destroy()
    })
    this.#tls.on('secureConnection', (socket) => {
      ignoreErrors(socket)
      const peer = this.#handshakes.complete(socket)
      if (this.#isDestroyed) socket.destroy()
      else this.#recognise(socket, peer?.address ?? 'unknown')
    })
    const { host, port } = this.#options
    server.listen({ ...(inherited === undefined ? { host, port } : { fd: inherited }), backlog })
    await once(server, 'listening')
    server.on('error', (error: Error) =>
      this.#failed({ address: 'listener', offered: undefined }, error),
    )
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.setKeepAlive(true, keepAliveMs)
    this.#handshakes.begin(socket, this.#options)
  }

  /**
   * Not by `maxConnections` of `node:net`: under `node:cluster` a connection would be handed from one
   * full process to the next without end. — source: Node 20, lib/internal/cluster/child.js
   */
  #drop(socket: Socket): void {
    this.#emit({ event: 'connection.dropped' })
    socket.destroy()
  }

  #recognise(socket: TLSSocket, address: string): void {
    const { registry, accept, clock } = this.#deps
    const { environment, handshakeTimeoutMs } = this.#options
    const certificate = this.#certificates.read(socket)
    const route = certificate && registry().find(certificate.publicKeySha256, environment)
    if (certificate !== undefined && route !== undefined) {
      accept({ socket, route, certificate, address })
      return
    }
    closeUnserved(socket, handshakeTimeoutMs, clock)
    if (certificate === undefined && this.#isBalancer(address)) {
      this.#emit({ event: 'connection.probed', address })
      return
    }
    const refusal = certificate === undefined ? 'no-certificate' : 'unknown-certificate'
    this.#emit({ event: 'sender.refused', address, refusal, certificate, environment })
  }

  #failed({ address, offered }: Peer, error: Error): void {
    const cause = handshakeCause(error)
    if (cause === 'reset' && this.#isBalancer(address))
      this.#emit({ event: 'connection.probed', address })
    else this.#emit({ event: 'handshake.failed', address, cause, error, offered })
  }

  /** Whether a load balancer connects for itself: it checks the health of the proxy. */
  #isBalancer(address: string): boolean {
    const { balancers } = this.#options
    return balancers !== undefined && listHas(balancers, address)
  }

  #emit(event: ListenerEvent): void {
    this.counters.count(event)
    this.#deps.emit(event)
  }
}

/** A reset is followed by `close`. */
function ignoreErrors(socket: Socket): void {
  socket.on('error', () => undefined)
}

/**
 * Closes a peer that may not send, as the old gateway did: after the handshake, without a byte.
 * @param patienceMs after this time the connection is destroyed
 */
export function closeUnserved(socket: Socket, patienceMs: number, clock: Clock): void {
  const cancel = clock.after(patienceMs, () => socket.destroy())
  socket.once('close', cancel)
  socket.end()
  socket.resume()
}
