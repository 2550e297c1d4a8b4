/** Connections whose TLS handshake is not complete: PROXY header, ClientHello, and the time for both. */
import { isIP, type BlockList, type Socket } from 'node:net'
import type { Clock } from '../timing/clock.ts'
import { isWholeHello, offeredVersion } from './client-hello.ts'
import { ProxyHeaderError, readProxyHeader } from './proxy-header.ts'

/** Who connects, as far as is known before the certificate. */
export interface Peer {
  /** Its own, or that of the sender for whom a load balancer connects. */
  readonly address: string
  /** The highest TLS version that it offers, once its ClientHello has been read. */
  readonly offered: string | undefined
}

/** What is required of a peer before its handshake. */
export interface HandshakeLimits {
  /** From the first byte to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** Load balancers: where given, only these may connect, and each connection has a PROXY header. */
  readonly balancers: BlockList | undefined
}

/** How a handshake goes on. */
export interface HandshakeOwner {
  /** The ClientHello has arrived whole; `socket` is paused and all its bytes are unread. */
  readonly startTls: (socket: Socket) => void
  /** The peer sent nothing, as a health check does; its socket is destroyed after this call. */
  readonly probed: (peer: Peer) => void
  /** The peer failed before TLS began; its socket is destroyed after this call. */
  readonly failed: (peer: Peer, error: Error) => void
}

interface Handshake {
  readonly socket: Socket
  /** Whether TLS has begun. */
  isInTls: boolean
  address: string
  offered: string | undefined
  /** Whether the peer has begun a PROXY header or a ClientHello, and not finished it. */
  isPartial: boolean
}

const stalled = Object.assign(new Error('no whole ClientHello within the time for the handshake'), {
  code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
})

/** The peer has closed the connection. */
const gone = Object.assign(new Error('the connection was closed during the handshake'), {
  code: 'ECONNRESET',
})

const notListed = Object.assign(
  new Error('only load balancers may connect here; if this is one, add it to proxyProtocol.from'),
  { code: 'ERR_PROXY_NOT_LISTED' },
)

/** Those of one listener. */
export class PendingHandshakes {
  readonly #clock: Clock
  readonly #owner: HandshakeOwner
  /** By the peer's address and port, which the TLS socket has as well. */
  readonly #pending = new Map<string, Handshake>()
  #onEmpty: (() => void) | undefined

  constructor(clock: Clock, owner: HandshakeOwner) {
    this.#clock = clock
    this.#owner = owner
  }

  /**
   * Reads the first bytes of an accepted connection, then hands it to TLS. A connection of TLS takes
   * much memory, so one that never sends a whole ClientHello does not get any.
   */
  begin(socket: Socket, { balancers, handshakeTimeoutMs }: HandshakeLimits): void {
    const address = socket.remoteAddress ?? 'unknown'
    const handshake: Handshake = {
      socket,
      address,
      offered: undefined,
      isPartial: false,
      isInTls: false,
    }
    if (balancers !== undefined && !listHas(balancers, address)) {
      this.#fail(handshake, notListed)
      return
    }
    const cancel = this.#clock.after(handshakeTimeoutMs, () => this.#late(handshake))
    const key = keyOf(socket)
    this.#pending.set(key, handshake)
    socket.on('close', () => {
      cancel()
      if (this.#pending.get(key) !== handshake) return
      this.#remove(key)
      if (handshake.isInTls) this.#owner.failed(handshake, gone)
    })
    const leave = (): unknown => socket.destroy()
    const closed = (): void => {
      if (handshake.isPartial) this.#owner.failed(handshake, gone)
    }
    let bytes = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      handshake.isPartial = true
      const hello = balancers === undefined ? bytes : this.#behindHeader(bytes, handshake)
      if (hello?.length === 0) handshake.isPartial = false
      if (hello === undefined || !isWholeHello(hello)) return
      cancel()
      socket.off('data', read).off('end', leave).off('close', closed).pause().unshift(hello)
      handshake.offered = offeredVersion(hello)
      handshake.isInTls = true
      this.#owner.startTls(socket)
    }
    socket.on('data', read).once('end', leave).once('close', closed)
  }

  /**
   * The handshake is over, and the pending one that it was is returned. The TLS socket of a peer that is
   * gone has no address: then this is the one that is being closed. Undefined if that is closed already.
   * @param socket the TLS socket
   */
  complete(socket: Socket): Peer | undefined {
    const peer =
      this.#pending.get(keyOf(socket)) ??
      [...this.#pending.values()].find((other) => other.isInTls && other.socket.destroyed)
    if (peer !== undefined) this.#remove(keyOf(peer.socket))
    return peer
  }

  /** Resolves once no handshake is pending; after `withinMs` the pending ones are aborted. */
  async finish(withinMs: number): Promise<void> {
    if (this.#pending.size === 0) return
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
    const cancel = this.#clock.after(withinMs, () => {
      for (const { socket } of this.#pending.values()) socket.destroy()
    })
    await empty
    cancel()
  }

  /** What a peer sends behind the header of its load balancer; undefined before that is complete. */
  #behindHeader(bytes: Buffer, handshake: Handshake): Buffer | undefined {
    try {
      const header = readProxyHeader(bytes)
      handshake.address = header?.source ?? handshake.address
      return header && bytes.subarray(header.lengthBytes)
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error
      this.#fail(handshake, error)
      return undefined
    }
  }

  #late(handshake: Handshake): void {
    if (handshake.isPartial) this.#fail(handshake, stalled)
    else {
      this.#owner.probed(handshake)
      handshake.socket.destroy()
    }
  }

  #fail(handshake: Handshake, error: Error): void {
    handshake.isPartial = false
    this.#owner.failed(handshake, error)
    handshake.socket.destroy()
  }

  #remove(key: string): void {
    this.#pending.delete(key)
    if (this.#pending.size === 0) this.#onEmpty?.()
  }
}

/** Whether a list of networks has this address. */
export function listHas(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`
}
