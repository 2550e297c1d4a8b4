/** Connections whose TLS handshake is not complete: PROXY header, ClientHello, and the time for both. */
import { isIP, type BlockList, type Socket } from 'node:net'
import type { Clock } from '../timing/clock.ts'
import { offeredVersion } from './client-hello.ts'
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
  /** The ClientHello has arrived; `socket` is paused and all its bytes are unread. */
  readonly startTls: (socket: Socket) => void
  /** The peer failed before TLS began; its socket is destroyed after this call. */
  readonly failed: (peer: Peer, error: Error) => void
}

interface Handshake {
  readonly socket: Socket
  address: string
  offered: string | undefined
}

/** A peer that never sends a byte is treated like one whose handshake stalls. */
const silent = Object.assign(new Error('no byte within the time for the handshake'), {
  code: 'ERR_TLS_HANDSHAKE_TIMEOUT',
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

  /** Reads the first bytes of an accepted connection, then hands it to TLS. */
  begin(socket: Socket, { balancers, handshakeTimeoutMs }: HandshakeLimits): void {
    const address = socket.remoteAddress ?? 'unknown'
    const handshake: Handshake = { socket, address, offered: undefined }
    if (balancers !== undefined && !includes(balancers, address)) {
      this.#fail(handshake, notListed)
      return
    }
    const cancel = this.#clock.after(handshakeTimeoutMs, () => {
      this.#fail(handshake, silent)
    })
    const key = keyOf(socket)
    this.#pending.set(key, handshake)
    socket.on('close', () => {
      cancel()
      this.#remove(key)
    })
    const leave = (): void => {
      socket.destroy()
    }
    socket.once('end', leave)
    const startTls = (first: Buffer): void => {
      cancel()
      socket.off('end', leave)
      handshake.offered = offeredVersion(first)
      socket.pause()
      socket.unshift(first)
      this.#owner.startTls(socket)
    }
    if (balancers === undefined) socket.once('data', startTls)
    else this.#readHeader(handshake, startTls)
  }

  /** @param socket as accepted, or the TLS socket over it */
  find(socket: Socket): Peer | undefined {
    return this.#pending.get(keyOf(socket))
  }

  /** The handshake is over; returns what {@link find} did. */
  complete(socket: Socket): Peer | undefined {
    const peer = this.find(socket)
    this.#remove(keyOf(socket))
    return peer
  }

  /** Resolves once no handshake is pending; after `withinMs` the pending ones are aborted. */
  async finish(withinMs: number): Promise<void> {
    if (this.#pending.size === 0) return
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(withinMs, () => {
        for (const { socket } of this.#pending.values()) socket.destroy()
      })
      this.#onEmpty = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Passes the bytes behind a load balancer's header on, never an empty buffer. */
  #readHeader(handshake: Handshake, startTls: (first: Buffer) => void): void {
    const { socket } = handshake
    let bytes = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      try {
        const header = readProxyHeader(bytes)
        if (header === undefined) return
        socket.off('data', read)
        handshake.address = header.source ?? handshake.address
        const first = bytes.subarray(header.lengthBytes)
        if (first.length > 0) startTls(first)
        else socket.once('data', startTls)
      } catch (error) {
        socket.off('data', read)
        if (!(error instanceof ProxyHeaderError)) throw error
        this.#fail(handshake, error)
      }
    }
    socket.on('data', read)
  }

  #fail(handshake: Handshake, error: Error): void {
    this.#owner.failed(handshake, error)
    handshake.socket.destroy()
  }

  #remove(key: string): void {
    this.#pending.delete(key)
    if (this.#pending.size === 0) this.#onEmpty?.()
  }
}

function includes(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`
}
