/** A session to the provider API over a socket: its phases and timeouts. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { readBody, type Outcome } from '../../apns/outcome.ts'
import { meaningOf, type Reason } from '../../apns/reason.ts'
import type { Cancel, Clock } from '../../timing/clock.ts'
import { every } from '../../timing/timer.ts'
import type { Delivery } from '../../relay/delivery.ts'
import { describe, dial } from '../dial.ts'
import type { ProviderSession, SessionOwner, SessionTarget, SessionTimes } from '../session.ts'
import { Connection, type Goaway } from './connection.ts'
import type { ConnectionError, ErrorName } from './frame.ts'
import { FrameWriter } from './frame-writer.ts'
import type { Stream } from './stream.ts'

/**
 * In this order; a phase may be skipped. `connecting`: until the peer's SETTINGS allow a request.
 * `ready`: takes requests. `draining`: finishes requests in flight. `ending`: the socket is about to
 * close.
 */
const phases = ['connecting', 'ready', 'draining', 'ending', 'closed'] as const

type Phase = (typeof phases)[number]

const staleProviderToken: Reason = 'ExpiredProviderToken'

const tickMs = 1000

/** See {@link ProviderSession}. */
export class Http2Session implements ProviderSession {
  readonly #target: SessionTarget
  readonly #owner: SessionOwner
  readonly #times: SessionTimes
  readonly #clock: Clock
  readonly #openedAtMs: number
  readonly #writer: FrameWriter
  readonly #connection: Connection
  readonly #keepAlive: KeepAlive
  readonly #cancelDial: () => void
  /** Undefined until the HTTP proxy, if there is one, has opened a tunnel. */
  #socket: Socket | undefined
  #phase: Phase = 'connecting'
  /** Why the session ends: the first cause, since later ones follow from it. */
  #cause: string | undefined
  #isCredentialRefused = false
  readonly #cancelTick: Cancel
  /** When the first request was overdue since the last answer. */
  #overdueSinceMs: number | undefined

  /**
   * @param firstStreamId odd; other than 1 in tests only, to reach the last identifier
   * @throws when the credential is invalid and TLS cannot start
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
    this.#openedAtMs = clock.now()
    this.#keepAlive = new KeepAlive(times, tickMs, this.#openedAtMs)
    this.#writer = new FrameWriter((bytes, done) => this.#socket?.write(bytes, done), this.#drained)
    this.#connection = new Connection(new URL(target.origin).host, this.#writer, firstStreamId)
    this.#cancelDial = dial(target, { dialled: this.#listen, failed: this.#close })
    this.#cancelTick = every(clock, tickMs, () => this.#tick())
  }

  get room(): number {
    return this.#phase === 'ready' ? this.#connection.room : 0
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
    if (this.#connection.isUsedUp) this.#drainAndReport('stream identifiers used up')
  }

  drain(): void {
    if (this.#phase === 'connecting') this.destroy('drained')
    else if (this.#enter('draining', 'drained')) this.#endWhenDrained()
  }

  destroy(cause: string): void {
    if (this.#phase === 'closed') return
    this.#enter('ending', cause)
    this.#writer.close()
    this.#cancelDial()
    this.#socket?.destroy()
  }

  /**
   * The one place where the phase changes. Records the cause even if the phase cannot follow.
   * @returns whether the phase has changed; if not, the event came too late and is ignored
   */
  #enter(phase: Phase, cause?: string): boolean {
    this.#cause ??= cause
    const isLater = phases.indexOf(phase) > phases.indexOf(this.#phase)
    if (isLater) this.#phase = phase
    return isLater
  }

  readonly #listen = (socket: Socket): void => {
    this.#socket = socket
    socket.on('error', (error) => {
      this.#isCredentialRefused ||= isCertificateAlert(error)
      this.#enter('ending', describe(error))
    })
    socket.on('end', () => this.destroy('closed by the peer'))
    socket.on('close', () => this.#close('closed by the peer'))
    socket.on('data', this.#receive)
    const isTls = socket instanceof TLSSocket
    if (this.#phase === 'ending') socket.destroy()
    else if (!isTls && !socket.connecting) this.#connected(socket)
    else socket.once(isTls ? 'secureConnect' : 'connect', () => this.#connected(socket))
  }

  #connected(socket: Socket): void {
    socket.setNoDelay(true)
    if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2')
      this.destroy('the peer does not offer HTTP/2 in its TLS handshake (ALPN h2)')
    else this.#connection.open()
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#phase === 'ending') return
    this.#keepAlive.receivedAtMs = this.#clock.now()
    const { room } = this
    const violation = this.#connection.receive(chunk)
    if (this.streamLimit > 0) this.#enter('ready')
    if (!this.#connection.awaitsPong) this.#keepAlive.pingSentAtMs = undefined
    for (const goaway of this.#connection.takeGoaways()) this.#goneAway(goaway)
    if (violation !== undefined) this.#fail(violation)
    this.#answerEnded(room)
  }

  readonly #drained = (): void => {
    this.#connection.resume()
    if (this.room > 0) this.#owner.hasRoom()
  }

  /** Answers the requests that have ended, and reports once if there is more room than before. */
  #answerEnded(roomBefore: number): void {
    const ended = this.#connection.takeEnded()
    for (const stream of ended) this.#answer(stream)
    this.#endWhenDrained()
    const { room } = this
    if (room > roomBefore || (room > 0 && ended.length > 0)) this.#owner.hasRoom()
  }

  #answer({ delivery, end, sentAtMs, outcome }: Stream): void {
    if (end === 'complete') {
      this.#overdueSinceMs = undefined
      this.#owner.requestLatency.add(this.#keepAlive.receivedAtMs - sentAtMs)
    }
    const isStale = outcome.kind === 'unavailable' && outcome.reason === staleProviderToken
    this.#owner.answered(delivery, isStale ? this.#stale(outcome) : outcome)
  }

  /** After an expired token, APNs refuses new tokens on the same connection. — source: pushy */
  #stale(outcome: Outcome): Outcome {
    const { providerToken } = this.#target
    if (providerToken === undefined) return refused('the route sends with a certificate')
    providerToken.reportExpired().catch(() => {
      // The current token stays in use; APNs will refuse it again.
    })
    this.#drainAndReport(staleProviderToken)
    const isNew = providerToken.isFreshSince(this.#openedAtMs)
    return isNew ? refused('it is new: check the clock') : outcome
  }

  /** Finishes requests in flight; the owner opens another session. */
  #drainAndReport(reason: string): void {
    if (this.#phase !== 'ready') return
    this.drain()
    this.#owner.draining(reason)
  }

  /** APNs puts `{"reason":…}` into the debug data. — source: apns2#93, pushy#312 */
  #goneAway({ code, debugData }: Goaway): void {
    const reason = readBody(debugData.toString()).reason ?? `code ${code}`
    this.#isCredentialRefused ||= meaningOf(reason) === 'credential'
    if (!this.#enter('draining', `GOAWAY ${reason}`)) return
    this.#owner.draining(reason)
    this.#endWhenDrained()
  }

  #endWhenDrained(): void {
    if (this.#phase !== 'draining' || this.inFlight > 0) return
    this.#enter('ending')
    this.#goaway('NO_ERROR')
  }

  /** The peer violated the protocol. */
  #fail({ code, message }: ConnectionError): void {
    if (!this.#enter('ending', `${code}: ${message}`)) return
    this.#goaway(code)
    this.#connection.abandon()
  }

  /** Closes as soon as GOAWAY is written: the peer may never close. */
  #goaway(code: ErrorName): void {
    this.#writer.writeGoaway(code)
    const socket = this.#socket
    socket?.end(this.#writer.close(), () => socket.destroy())
  }

  readonly #close = (cause: string): void => {
    if (!this.#enter('closed', cause)) return
    this.#cancelTick()
    this.#writer.close()
    this.#connection.abandon()
    this.#answerEnded(0)
    this.#owner.closed(this.#cause ?? cause, this.#isCredentialRefused)
  }

  #tick(): void {
    const now = this.#clock.now()
    this.#connection.calm()
    if (this.#phase === 'ending') {
      this.#socket?.destroy()
      return
    }
    const isConnecting = this.#phase === 'connecting'
    const verdict = this.#keepAlive.check(now, isConnecting ? this.#openedAtMs : undefined)
    if (verdict === 'gone') this.destroy(isConnecting ? this.#unconnected : 'no answer to a PING')
    else if (verdict !== 'wait') this.#pingIfNeeded(now, verdict === 'quiet')
  }

  get #unconnected(): string {
    return this.#connection.isOpen ? 'the peer allows no request' : 'no answer while connecting'
  }

  /**
   * Sends a PING to a quiet peer, and to one that leaves requests unanswered. If it goes on answering
   * PINGs alone, the owner opens another session.
   */
  #pingIfNeeded(now: number, isQuiet: boolean): void {
    const { room } = this
    const { requestTimeoutMs } = this.#times
    const hasOverdue = this.#connection.cancelSentBy(now - requestTimeoutMs)
    if (hasOverdue) this.#overdueSinceMs ??= now
    if (now - (this.#overdueSinceMs ?? now) >= 2 * requestTimeoutMs && hasOverdue)
      this.#drainAndReport('answers PING, and no request')
    this.#answerEnded(room)
    if (!(isQuiet || hasOverdue) || this.#phase === 'ending') return
    this.#keepAlive.pingSentAtMs = now
    this.#connection.ping()
  }
}

function refused(doubt: string): Outcome {
  return { kind: 'credential', reason: `${staleProviderToken}, although ${doubt}` }
}

/** OpenSSL reports the TLS alert of the peer as the error code. — source: RFC 5246, 7.2.2 */
function isCertificateAlert(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /ALERT_(.*CERTIFICATE.*|ACCESS_DENIED|UNKNOWN_CA)/.test(code)
}

/** `wait`: no decision yet. `quiet`: send a PING. `gone`: close the session. */
type Verdict = 'wait' | 'present' | 'quiet' | 'gone'

/** Decides at each tick whether the peer is still alive. Times are milliseconds since the epoch. */
export class KeepAlive {
  readonly #times: SessionTimes
  readonly #tickMs: number
  /** Time of the last received bytes. */
  receivedAtMs: number
  /** Time of an unanswered PING. */
  pingSentAtMs: number | undefined
  #checkedAtMs: number
  #skipped = false

  /** @param tickMs the interval of {@link check} */
  constructor(times: SessionTimes, tickMs: number, nowMs: number) {
    this.#times = times
    this.#tickMs = tickMs
    this.receivedAtMs = this.#checkedAtMs = nowMs
  }

  /** @param connectingSinceMs undefined once the peer has sent its SETTINGS */
  check(nowMs: number, connectingSinceMs: number | undefined): Verdict {
    if (this.#skip(nowMs)) return 'wait'
    const { connectTimeoutMs, pingTimeoutMs, pingIntervalMs } = this.#times
    if (connectingSinceMs !== undefined)
      return nowMs - connectingSinceMs >= connectTimeoutMs ? 'gone' : 'wait'
    if (this.pingSentAtMs !== undefined)
      return nowMs - this.pingSentAtMs >= pingTimeoutMs ? 'gone' : 'wait'
    return nowMs - this.receivedAtMs >= pingIntervalMs ? 'quiet' : 'present'
  }

  /**
   * Skips a late tick: this process was busy, and reads received answers before the next tick.
   * Never skips two ticks in a row, so that a process that is always busy still closes dead
   * sessions.
   */
  #skip(nowMs: number): boolean {
    const isLate = nowMs - this.#checkedAtMs > 2 * this.#tickMs
    this.#checkedAtMs = nowMs
    this.#skipped = isLate && !this.#skipped
    return this.#skipped
  }
}
