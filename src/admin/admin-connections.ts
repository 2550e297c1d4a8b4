/** Bounds the connections of the admin port, and the time of each answer, so that none can block it. */
import type { ServerResponse } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import type { Clock } from '../timing/clock.ts'

/** Limits of the admin port. Times in milliseconds. */
export interface AdminLimits {
  /** From the connection to the end of the header lines, also if the peer sends nothing. */
  readonly headersTimeout: number
  /** From the connection to the end of the request. */
  readonly requestTimeout: number
  /** From an answer to the next request. */
  readonly keepAliveTimeout: number
  /** How often Node looks for requests that are late. */
  readonly connectionsCheckingInterval: number
  /** From a request until the peer has read the answer; an event stream has no end. */
  readonly answerTimeout: number
  /** Connections from this machine. */
  readonly fromLoopback: number
  /** Connections from any other address. */
  readonly fromAddress: number
  /** Connections from all other addresses together. */
  readonly fromOthers: number
}

export const adminLimits: AdminLimits = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  answerTimeout: 10_000,
  fromLoopback: 64,
  fromAddress: 16,
  fromOthers: 192,
}

const loopback = 'loopback'

const loopbackAddresses = new BlockList()
loopbackAddresses.addSubnet('127.0.0.0', 8, 'ipv4')
loopbackAddresses.addAddress('::1', 'ipv6')

interface Connection {
  readonly peer: string
  readonly response: ServerResponse | undefined
}

/**
 * A connection above a limit replaces the one of the same peer that is unused for the longest time. So a
 * flood replaces its own connections, and a probe gets its answer meanwhile. The limits for this machine
 * and for others are separate.
 */
export class AdminConnections {
  readonly #limits: AdminLimits
  readonly #clock: Clock
  /** Event streams are not replaced: their number is limited, and one that does not read is closed. */
  readonly #isEventStream: (response: ServerResponse) => boolean
  /** The one that is unused for the longest time is first. */
  readonly #open = new Map<Socket, Connection>()

  constructor(
    limits: AdminLimits,
    clock: Clock,
    isEventStream: (response: ServerResponse) => boolean,
  ) {
    this.#limits = limits
    this.#clock = clock
    this.#isEventStream = isEventStream
  }

  get count(): number {
    return this.#open.size
  }

  /** Admits a new connection, or destroys it if there is no room. */
  admit(socket: Socket): void {
    const { fromLoopback, fromAddress, fromOthers } = this.#limits
    const peer = peerOf(socket)
    const hasRoom =
      peer === loopback
        ? this.#makeRoom(fromLoopback, (other) => other === loopback)
        : this.#makeRoom(fromAddress, (other) => other === peer) &&
          this.#makeRoom(fromOthers, (other) => other !== loopback)
    if (!hasRoom) {
      socket.destroy()
      return
    }
    this.#open.set(socket, { peer, response: undefined })
    socket.once('close', () => this.#open.delete(socket))
  }

  /** Closes the connection of a request if its answer is not read in time. */
  answers(socket: Socket, response: ServerResponse): void {
    const cancel = this.#clock.after(this.#limits.answerTimeout, () => {
      if (!this.#isEventStream(response)) socket.destroy()
    })
    response.once('close', cancel)
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    this.#open.delete(socket)
    this.#open.set(socket, { ...connection, response })
  }

  /** @returns false if there are `most` of these peers already, and none of them can be replaced */
  #makeRoom(most: number, isMeant: (peer: string) => boolean): boolean {
    const same = [...this.#open].filter(([, { peer }]) => isMeant(peer))
    if (same.length < most) return true
    const [unused] =
      same.find(([, { response }]) => !response || !this.#isEventStream(response)) ?? []
    if (unused === undefined) return false
    this.#open.delete(unused)
    unused.destroy()
    return true
  }
}

function peerOf({ remoteAddress = '' }: Socket): string {
  const address = remoteAddress.replace(/^::ffff:/, '')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const isLoopback = isIP(address) > 0 && loopbackAddresses.check(address, family)
  return isLoopback ? loopback : address
}
