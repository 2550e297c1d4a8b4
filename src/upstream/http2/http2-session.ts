/** A session to the provider API that writes its requests as bytes, all of one turn at once. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { outcomeOf, type Outcome } from '../../apns/outcome.ts'
import { meaningOf, type Reason } from '../../apns/reason.ts'
import type { Cancel, Clock } from '../../clock.ts'
import type { Delivery } from '../../relay/delivery.ts'
import { describe, dial } from '../dial.ts'
import type { ProviderSession, SessionOwner, SessionTarget, SessionTimes } from '../session.ts'
import { Connection } from './connection.ts'
import type { Exchange, ExchangeEnd } from './exchange.ts'
import { ConnectionError, type ErrorName } from './frame.ts'
import { Output } from './output.ts'

/** `ending`: the last word is said, and the socket about to close. */
type State = 'connecting' | 'ready' | 'draining' | 'ending' | 'closed'

const staleProviderToken: Reason = 'ExpiredProviderToken'

const tickMs = 1000

/** See {@link ProviderSession}. */
export class Http2Session implements ProviderSession {
  readonly #target: SessionTarget
  readonly #owner: SessionOwner
  readonly #times: SessionTimes
  readonly #clock: Clock
  readonly #hangUp: () => void
  /** Undefined until there is a way through the proxy, where there is a proxy. */
  #socket: Socket | undefined
  readonly #output: Output
  readonly #connection: Connection
  readonly #openedAtMs: number
  #state: State = 'connecting'
  /** The first one: what comes after it comes of it. */
  #cause: string | undefined
  #credentialRefused = false
  #heardAtMs: number
  #pingSentAtMs: number | undefined
  #cancelTick: Cancel
  #tickedAtMs: number
  #passedOver = false
  #endings = 0

  /**
   * @param firstStreamId odd; another one than 1 only to come to the end of them
   * @throws when the credential is such that TLS does not even begin
   */
  constructor(
    target: SessionTarget,
    owner: SessionOwner,
    times: SessionTimes,
    clock: Clock,
    firstStreamId = 1,
  ) {
    this.#target = target
    this.#owner = owner
    this.#times = times
    this.#clock = clock
    this.#openedAtMs = this.#heardAtMs = this.#tickedAtMs = clock.now()
    this.#output = new Output(
      (bytes, done) => this.#socket?.write(bytes, done),
      () => {
        this.#drained()
      },
    )
    const { host } = new URL(target.origin)
    this.#connection = new Connection(host, this.#follower(), this.#output, firstStreamId)
    this.#hangUp = dial(target, {
      dialled: (socket) => {
        this.#listen(socket)
      },
      failed: (cause) => {
        this.#cause ??= cause
        this.#close()
      },
    })
    this.#cancelTick = this.#nextTick()
  }

  get room(): number {
    return this.#state === 'ready' ? this.#connection.room : 0
  }

  get inFlight(): number {
    return this.#connection.inFlight
  }

  get streamLimit(): number {
    return this.#connection.streamLimit
  }

  get served(): boolean {
    return this.#connection.hasAnswered
  }

  send(delivery: Delivery): void {
    if (this.room === 0) {
      const reason = this.#cause ?? 'no room'
      this.#owner.answered(delivery, { kind: 'unavailable', reason, retry: 'now' })
      return
    }
    const authorization = this.#target.providerToken?.authorization
    this.#connection.request(delivery, authorization, this.#clock.now())
    if (this.#connection.isUsedUp) this.#leave('stream identifiers used up')
  }

  drain(): void {
    if (this.#state === 'connecting') this.destroy('drained')
    if (this.#state !== 'ready') return
    this.#state = 'draining'
    this.#cause ??= 'drained'
    this.#endWhenDrained()
  }

  destroy(cause: string): void {
    if (this.#state === 'closed') return
    this.#cause ??= cause
    this.#state = 'ending'
    this.#output.close()
    this.#hangUp()
    this.#socket?.destroy()
  }

  #listen(socket: Socket): void {
    this.#socket = socket
    socket.on('error', (error) => {
      this.#cause ??= describe(error)
      this.#credentialRefused ||= isCertificateAlert(error)
    })
    socket.on('end', () => {
      this.destroy('closed by the peer')
    })
    socket.on('close', () => {
      this.#close()
    })
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
    })
    if (this.#state === 'ending') socket.destroy()
    else if (!(socket instanceof TLSSocket) && !socket.connecting) this.#connected(socket)
    else
      socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
        this.#connected(socket)
      })
  }

  #follower(): ConstructorParameters<typeof Connection>[1] {
    return {
      settled: () => {
        if (this.#state === 'connecting') this.#state = 'ready'
      },
      goneAway: (code, debugData) => {
        this.#goneAway(code, debugData)
      },
      ponged: () => {
        this.#ponged()
      },
      ended: (exchange, end) => {
        this.#ended(exchange, end)
      },
    }
  }

  #connected(socket: Socket): void {
    socket.setNoDelay(true)
    if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2')
      this.destroy('the peer does not offer HTTP/2 in its TLS handshake (ALPN h2)')
    else this.#connection.open()
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'ending') return
    this.#heardAtMs = this.#clock.now()
    this.#watchRoom(() => {
      try {
        this.#connection.receive(chunk)
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error
        this.#fail(error.code, error.message)
      }
    })
  }

  #drained(): void {
    this.#connection.resume()
    if (this.room > 0) this.#owner.roomy()
  }

  /** Tells once of all the room that came of it. */
  #watchRoom(act: () => void): void {
    const before = this.room
    const endings = this.#endings
    act()
    const { room } = this
    if (room > before || (room > 0 && this.#endings > endings)) this.#owner.roomy()
  }

  #ended(exchange: Exchange, end: ExchangeEnd): void {
    const outcome = outcomeAfter(exchange, end)
    if (end === 'complete') this.#owner.requestLatency.add(this.#heardAtMs - exchange.sentAtMs)
    this.#endings++
    const isStale = outcome.kind === 'unavailable' && outcome.reason === staleProviderToken
    this.#owner.answered(exchange.delivery, isStale ? this.#stale(outcome) : outcome)
    this.#endWhenDrained()
  }

  #stale(outcome: Outcome): Outcome {
    this.#renew()
    if (this.#target.providerToken?.isFreshSince(this.#openedAtMs) !== true) return outcome
    return { kind: 'credential', reason: `${staleProviderToken}, though new: is the clock right?` }
  }

  /** A connection that has seen an expired token refuses fresh ones as well. — source: pushy */
  #renew(): void {
    this.#target.providerToken?.expired().catch(() => {
      // The token in use stays; APNs will say so again.
    })
    this.#leave(staleProviderToken)
  }

  /** Finishes what is in flight; the owner looks for another session. */
  #leave(reason: string): void {
    if (this.#state !== 'ready') return
    this.drain()
    this.#owner.draining(reason)
  }

  #goneAway(code: number, debugData: Buffer): void {
    const reason = goawayReason(code, debugData)
    this.#cause ??= `GOAWAY ${reason}`
    this.#credentialRefused ||= meaningOf(reason) === 'credential'
    if (this.#state !== 'ready') return
    this.#state = 'draining'
    this.#owner.draining(reason)
    this.#endWhenDrained()
  }

  #endWhenDrained(): void {
    if (this.#state === 'draining' && this.inFlight === 0) this.#end('NO_ERROR')
  }

  /** The peer broke the protocol. */
  #fail(code: ErrorName, message: string): void {
    if (this.#state === 'ending') return
    this.#cause ??= `${code}: ${message}`
    this.#end(code)
    this.#connection.abandon()
  }

  /** Says the last word and closes as soon as it is written: the peer's may never come. */
  #end(code: ErrorName): void {
    this.#state = 'ending'
    this.#connection.goaway(code)
    const socket = this.#socket
    socket?.end(this.#output.close(), () => socket.destroy())
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancelTick()
    this.#output.close()
    this.#connection.abandon()
    this.#owner.closed(this.#cause ?? 'closed by the peer', this.#credentialRefused)
  }

  #nextTick(): Cancel {
    return this.#clock.after(tickMs, () => {
      this.#cancelTick = this.#nextTick()
      this.#watchRoom(() => {
        this.#tick(this.#clock.now())
      })
    })
  }

  #tick(now: number): void {
    const { connectTimeoutMs, pingTimeoutMs, pingIntervalMs } = this.#times
    this.#connection.calm()
    if (this.#state === 'ending') this.#socket?.destroy()
    else if (this.#passOver(now)) return
    else if (this.#state === 'connecting') {
      if (now - this.#openedAtMs >= connectTimeoutMs) this.destroy('no answer while connecting')
    } else if (this.#pingSentAtMs !== undefined) {
      if (now - this.#pingSentAtMs >= pingTimeoutMs) this.destroy('no answer to a PING')
    } else if (this.#cancelOverdue(now) || now - this.#heardAtMs >= pingIntervalMs) this.#ping(now)
  }

  /**
   * Passes over a tick that comes late: this process was busy, and answers may lie unread, which are
   * read before the next tick. Never two ticks in a row, so a process that is always busy still judges.
   */
  #passOver(now: number): boolean {
    const isLate = now - this.#tickedAtMs > 2 * tickMs
    this.#tickedAtMs = now
    this.#passedOver = isLate && !this.#passedOver
    return this.#passedOver
  }

  /** In the order sent, so the first that is not overdue ends the search. */
  #cancelOverdue(now: number): boolean {
    let found = false
    for (;;) {
      const exchange = this.#connection.oldest
      if (exchange === undefined) return found
      if (now - exchange.sentAtMs < this.#times.requestTimeoutMs) return found
      found = true
      this.#connection.cancel(exchange)
    }
  }

  #ping(now: number): void {
    if (this.#state === 'ending') return
    this.#pingSentAtMs = now
    this.#connection.ping()
  }

  /** Who answers a PING has read the SETTINGS long before it. — source: RFC 9113, 6.5.3 */
  #ponged(): void {
    this.#pingSentAtMs = undefined
    if (!this.#connection.areSettingsAcknowledged)
      this.#fail('SETTINGS_TIMEOUT', 'does not acknowledge SETTINGS')
  }
}

/** What becomes of a request without an answer. */
const unanswered = {
  complete: { kind: 'unavailable', reason: 'no answer', retry: 'later' },
  refused: { kind: 'unavailable', reason: 'refused stream', retry: 'now' },
  overdue: { kind: 'unavailable', reason: 'no answer in time', retry: 'later' },
  faulty: { kind: 'unavailable', reason: 'malformed answer', retry: 'later' },
  lost: { kind: 'unavailable', reason: 'connection lost', retry: 'later' },
} as const satisfies Record<ExchangeEnd, Outcome>

/** 200 is a delivery, whatever comes after it; an error is one only when its reason is whole. */
function outcomeAfter({ head, body }: Exchange, end: ExchangeEnd): Outcome {
  if (head === undefined || (head.status !== 200 && end !== 'complete')) return unanswered[end]
  const { status, retryAfterSeconds } = head
  return outcomeOf({ status, body, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) })
}

/** APNs puts `{"reason":…}` into the debug data. — source: apns2#93, pushy#312 */
function goawayReason(code: number, debugData: Buffer): string {
  try {
    const parsed: unknown = JSON.parse(debugData.toString())
    const reason = (parsed as { reason?: unknown } | null)?.reason
    if (typeof reason === 'string') return reason
  } catch {
    // Not every peer explains itself.
  }
  return `code ${code}`
}

/** OpenSSL names the alert with which a peer ends a handshake. — source: RFC 5246, 7.2.2 */
function isCertificateAlert(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /ALERT_(.*CERTIFICATE.*|ACCESS_DENIED|UNKNOWN_CA)/.test(code)
}
