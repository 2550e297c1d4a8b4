/** A session to the provider API on `node:http2`. */
import {
  connect,
  constants,
  sensitiveHeaders as sensitive,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Settings,
} from 'node:http2'
import type { Socket } from 'node:net'
import { rootCertificates } from 'node:tls'
import { outcomeOf, type Outcome } from '../apns/outcome.ts'
import type { ProviderToken } from '../apns/provider-token.ts'
import { meaningOf, type Reason } from '../apns/reason.ts'
import { requestHeaders } from '../apns/request.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { Shipment } from '../relay/delivery.ts'
import type { ProviderSession, SessionOwner, SessionTimes } from './session.ts'

/** Whom to connect to, and as whom. */
export interface SessionTarget {
  /** `https://host[:port]` */
  readonly origin: string
  /** PEM, when the route sends with its push certificate. */
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | undefined
  /** PEM, beside the roots that Node trusts. */
  readonly certificateAuthority: string | undefined
  /** When the route sends with a signing key. */
  readonly providerToken: ProviderToken | undefined
}

type State = 'connecting' | 'ready' | 'draining' | 'closed'

/** Never indexed by HPACK: the path is unique, the provider token a secret. */
const neverIndexed = [':path', 'authorization']

/** More than any answer of the provider API has; what goes beyond is not kept. */
const longestBodyBytes = 4096

const staleProviderToken: Reason = 'ExpiredProviderToken'

const tickMs = 1000

interface Exchange {
  readonly shipment: Shipment
  readonly sentAtMs: number
  status: number | undefined
  retryAfterSeconds: number | undefined
  body: string
  timedOut: boolean
}

/** See {@link ProviderSession}. Every request ends in the `close` event of its stream, once. */
export class NodeHttp2Session implements ProviderSession {
  readonly #target: SessionTarget
  readonly #owner: SessionOwner
  readonly #times: SessionTimes
  readonly #clock: Clock
  readonly #http2: ClientHttp2Session
  readonly #exchanges = new Map<ClientHttp2Stream, Exchange>()
  readonly #openedAtMs: number
  #socket: Socket | undefined
  #state: State = 'connecting'
  #established = false
  #served = false
  #streamLimit = 0
  /** The first one: what comes after it comes of it. */
  #cause: string | undefined
  #credentialRefused = false
  #heardAtMs: number
  #pingSentAtMs: number | undefined
  #cancelTick: Cancel

  constructor(target: SessionTarget, owner: SessionOwner, times: SessionTimes, clock: Clock) {
    this.#target = target
    this.#owner = owner
    this.#times = times
    this.#clock = clock
    this.#openedAtMs = this.#heardAtMs = clock.now()
    this.#http2 = connect(target.origin, {
      ...(target.certificate && {
        cert: target.certificate.certificatePem,
        key: target.certificate.keyPem,
      }),
      ...(target.certificateAuthority && {
        ca: [...rootCertificates, target.certificateAuthority],
      }),
      settings: { enablePush: false },
    })
    this.#http2.on('error', (error) => {
      this.#cause ??= describe(error)
      this.#credentialRefused ||= isCertificateAlert(error)
    })
    this.#http2.on('connect', (_session, socket) => {
      this.#socket = socket
    })
    this.#http2.on('remoteSettings', ({ maxConcurrentStreams }: Settings) => {
      this.#settled(maxConcurrentStreams)
    })
    this.#http2.on('goaway', (code: number, _last: number, debugData?: Buffer) => {
      this.#goneAway(code, debugData)
    })
    this.#http2.on('close', () => {
      this.#close()
    })
    this.#cancelTick = clock.after(tickMs, () => {
      this.#tick()
    })
  }

  get room(): number {
    const open = this.#state === 'ready' && !this.#http2.closed && !this.#http2.destroyed
    return open ? Math.max(0, this.#streamLimit - this.#exchanges.size) : 0
  }

  get inFlight(): number {
    return this.#exchanges.size
  }

  get served(): boolean {
    return this.#served
  }

  send(shipment: Shipment): void {
    let stream: ClientHttp2Stream
    try {
      const headers = requestHeaders(shipment.request, this.#target.providerToken?.authorization)
      stream = this.#http2.request({ ...headers, [sensitive]: neverIndexed })
    } catch (error) {
      // Not this request's fault: a GOAWAY of which no event has told yet, or no stream id is left.
      shipment.answered({ kind: 'unavailable', reason: describe(error), retry: 'now' })
      this.#leave(describe(error))
      return
    }
    const exchange: Exchange = {
      shipment,
      sentAtMs: this.#clock.now(),
      status: undefined,
      retryAfterSeconds: undefined,
      body: '',
      timedOut: false,
    }
    this.#exchanges.set(stream, exchange)
    this.#follow(stream, exchange)
    stream.end(shipment.request.payload)
  }

  drain(): void {
    if (this.#state === 'draining' || this.#state === 'closed') return
    if (this.#state === 'connecting') this.destroy('drained')
    this.#state = 'draining'
    this.#cause ??= 'drained'
    this.#http2.close()
  }

  destroy(cause: string): void {
    if (this.#state === 'closed') return
    this.#cause ??= cause
    // Without a code, streams would seem to have ended well, in the middle of an answer.
    this.#http2.destroy(new Error(cause), constants.NGHTTP2_CANCEL)
    this.#socket?.destroy()
  }

  #follow(stream: ClientHttp2Stream, exchange: Exchange): void {
    stream.setEncoding('utf8')
    stream.on('error', () => {
      // The `close` that follows ends the exchange.
    })
    stream.on('response', (headers) => {
      this.#heardAtMs = this.#clock.now()
      this.#served = true
      exchange.status = headers[':status']
      const retryAfter = Number(headers['retry-after'])
      if (Number.isInteger(retryAfter)) exchange.retryAfterSeconds = retryAfter
    })
    stream.on('data', (chunk: string) => {
      if (exchange.body.length + chunk.length <= longestBodyBytes) exchange.body += chunk
    })
    stream.on('close', () => {
      this.#exchanges.delete(stream)
      const outcome = outcomeAfter(exchange, stream.rstCode)
      if (outcome.kind === 'unavailable' && outcome.reason === staleProviderToken) this.#renew()
      exchange.shipment.answered(outcome)
      if (this.room > 0) this.#owner.roomy()
    })
  }

  #settled(maxConcurrentStreams: number | undefined): void {
    this.#heardAtMs = this.#clock.now()
    this.#streamLimit = maxConcurrentStreams ?? Infinity
    if (this.#state === 'connecting') this.#state = 'ready'
    this.#established = true
    if (this.room > 0) this.#owner.roomy()
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

  #goneAway(code: number, debugData: Buffer | undefined): void {
    const reason = goawayReason(code, debugData)
    this.#cause ??= `GOAWAY ${reason}`
    this.#credentialRefused ||= meaningOf(reason) === 'credential'
    if (this.#state === 'draining' || this.#state === 'closed') return
    this.#state = 'draining'
    this.#owner.draining(reason)
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancelTick()
    this.#owner.closed(this.#cause ?? 'closed by the peer', this.#credentialRefused)
  }

  #tick(): void {
    const now = this.#clock.now()
    this.#cancelTick = this.#clock.after(tickMs, () => {
      this.#tick()
    })
    // Its last FIN waits for the peer's, which may never come.
    if (this.#http2.destroyed) this.#socket?.destroy()
    else if (!this.#established && now - this.#openedAtMs >= this.#times.connectTimeoutMs)
      this.destroy('no answer while connecting')
    else if (this.#pingSentAtMs !== undefined) {
      if (now - this.#pingSentAtMs >= this.#times.pingTimeoutMs) this.destroy('no answer to a PING')
    } else if (this.#cancelOverdue(now) || now - this.#heardAtMs >= this.#times.pingIntervalMs)
      this.#ping(now)
  }

  /** In the order sent, so the first that is not overdue ends the search. */
  #cancelOverdue(now: number): boolean {
    let found = false
    for (const [stream, exchange] of this.#exchanges) {
      if (now - exchange.sentAtMs < this.#times.requestTimeoutMs) break
      found = exchange.timedOut = true
      stream.close(constants.NGHTTP2_CANCEL)
    }
    return found
  }

  #ping(now: number): void {
    if (!this.#established) return
    this.#pingSentAtMs = now
    this.#http2.ping((error) => {
      if (error !== null) return
      this.#pingSentAtMs = undefined
      this.#heardAtMs = this.#clock.now()
    })
  }
}

function outcomeAfter(exchange: Exchange, resetCode: number | undefined): Outcome {
  const { status, body, retryAfterSeconds, timedOut } = exchange
  const complete = resetCode === constants.NGHTTP2_NO_ERROR
  if (status !== undefined && (complete || status === 200))
    return outcomeOf({
      status,
      body,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    })
  if (timedOut) return { kind: 'unavailable', reason: 'no answer in time', retry: 'later' }
  if (resetCode === constants.NGHTTP2_REFUSED_STREAM)
    return { kind: 'unavailable', reason: 'refused stream', retry: 'now' }
  return { kind: 'unavailable', reason: 'connection lost', retry: 'later' }
}

/** APNs puts `{"reason":…}` into the debug data. — source: apns2#93, pushy#312 */
function goawayReason(code: number, debugData: Buffer | undefined): string {
  try {
    const parsed: unknown = JSON.parse(debugData?.toString() ?? '')
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

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
