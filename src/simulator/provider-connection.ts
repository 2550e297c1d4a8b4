/** One HTTP/2 connection to the simulator: its credential, its streams and its way to end. */
import { constants, performServerHandshake, type ServerHttp2Session } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../timing/clock.ts'
import type { Environment } from '../credentials/certificate.ts'
import { clientCredential } from './client-certificate.ts'
import { ProviderStream, type StreamContext, type ReceivedNotification } from './provider-stream.ts'
import {
  bearerToken,
  ProviderTokenHistory,
  type ProviderTokenVerifier,
} from './provider-token-check.ts'
import type { Credential } from './request-check.ts'
import type { ScriptedAnswers, Verdict } from './scripted-answer.ts'

/** What all connections of a simulator share. */
export interface Simulation {
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  readonly random: () => number
  readonly environment: Environment
  readonly verifier: ProviderTokenVerifier
  readonly latencyMs: { readonly min: number; readonly max: number }
  readonly maxConcurrentStreams: number
  /** Requests after which a connection ends; Infinity = never. */
  readonly goawayEvery: number
  readonly onNotification: (notification: ReceivedNotification) => void
  readonly log: (event: object) => void
  script: ScriptedAnswers
  /** Nothing is answered any more. */
  silent: boolean
}

/** — source: SETTINGS that APNs sent, in buford#33, pushy#709 and apns2#117 */
const maxHeaderListSize = 8000

/** Serves one client until either side ends. */
export class ProviderConnection implements StreamContext {
  readonly session: number
  readonly sandbox: boolean
  readonly #socket: TLSSocket
  readonly #simulation: Simulation
  readonly #http2: ServerHttp2Session
  readonly #certificate: Credential
  readonly #history = new ProviderTokenHistory()
  #streamLimit: number
  #requests = 0
  #openStreams = 0
  #lastStreamId = 0
  #draining = false

  constructor(socket: TLSSocket, session: number, simulation: Simulation) {
    this.#socket = socket
    this.session = session
    this.sandbox = simulation.environment === 'sandbox'
    this.#simulation = simulation
    this.#certificate = clientCredential(socket, simulation.environment, this.now())
    this.#streamLimit = this.#firstStreamLimit()
    const settings = { maxConcurrentStreams: this.#streamLimit, maxHeaderListSize }
    this.#http2 = performServerHandshake(socket, { settings })
    this.#http2.on('error', ignore)
    this.#http2.on('stream', this.#accept.bind(this))
    simulation.log({ event: 'simulator.session-opened', session, credential: this.credential })
  }

  /** How the client has shown who it is when it connected. */
  get credential(): Credential['kind'] {
    return this.#certificate.kind
  }

  /**
   * Announces the end: what came so far is still answered, what comes later is refused.
   * — source: Apple, "Sending notification requests to APNs", for the reason in the debug data
   */
  goaway(reason: string): void {
    if (this.#draining) return
    this.#draining = true
    const debugData = Buffer.from(JSON.stringify({ reason }))
    this.#http2.goaway(constants.NGHTTP2_NO_ERROR, this.#lastStreamId, debugData)
    this.#simulation.log({ event: 'simulator.goaway', session: this.session, reason })
    this.#closeWhenDrained()
  }

  /** Cuts the connection at once, without a word. */
  disconnect(): void {
    this.#socket.destroy()
  }

  now(): number {
    return this.#simulation.clock.now()
  }

  /** With a certificate, `authorization` is ignored. — source: Apple, "Sending notification requests to APNs" */
  credentialFor(authorization: string | undefined): Credential | Promise<Credential> {
    if (this.#certificate.kind === 'certificate') return this.#certificate
    const token = bearerToken(authorization)
    if (token === undefined) return this.#certificate
    const claims = this.#simulation.verifier.recall(token)
    if (claims !== undefined) return this.#history.judge(claims, this.now())
    return this.#simulation.verifier
      .verify(token)
      .then((verified) => this.#history.judge(verified, this.now()))
  }

  get silent(): boolean {
    return this.#simulation.silent
  }

  verdictFor(token: string): Verdict {
    return this.#simulation.script.next(token)
  }

  afterLatency(answer: () => void): void {
    const { clock, latencyMs, random } = this.#simulation
    if (latencyMs.max === 0) {
      answer()
      return
    }
    const delayMs = latencyMs.min + random() * (latencyMs.max - latencyMs.min)
    clock.after(delayMs, () => {
      if (!this.silent) answer()
    })
  }

  judged(notification: ReceivedNotification): void {
    this.#simulation.onNotification(notification)
  }

  delivered(): void {
    if (this.#streamLimit === this.#simulation.maxConcurrentStreams) return
    this.#streamLimit = this.#simulation.maxConcurrentStreams
    if (!this.#http2.closed) this.#http2.settings({ maxConcurrentStreams: this.#streamLimit })
  }

  /**
   * Without a certificate only one stream is allowed until a provider token has proved good.
   * — source: Apple, "Sending notification requests to APNs"
   */
  #firstStreamLimit(): number {
    return this.#certificate.kind === 'certificate' ? this.#simulation.maxConcurrentStreams : 1
  }

  #accept(
    stream: ServerHttp2Stream,
    _headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: readonly string[],
  ): void {
    stream.on('error', ignore)
    if (this.#draining) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    this.#serve(stream, new ProviderStream(stream, rawHeaders, this))
    if (this.#requests >= this.#simulation.goawayEvery) this.goaway('Shutdown')
  }

  #serve(stream: ServerHttp2Stream, request: ProviderStream): void {
    this.#requests += 1
    this.#openStreams += 1
    this.#lastStreamId = stream.id ?? this.#lastStreamId
    stream.on('data', (chunk: Buffer) => {
      request.receive(chunk)
    })
    stream.on('end', () => {
      request.finish()
    })
    stream.on('close', this.#streamClosed)
  }

  readonly #streamClosed = (): void => {
    this.#openStreams -= 1
    this.#closeWhenDrained()
  }

  #closeWhenDrained(): void {
    if (this.#draining && this.#openStreams === 0) this.#http2.close()
  }
}

function ignore(): void {
  // The peer's faults end its stream or session, which 'close' reports.
}
