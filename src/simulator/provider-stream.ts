/** One HTTP/2 stream: receives a request, then sends the answer or the fault that the script demands. */
import { randomUUID } from 'node:crypto'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../timing/clock.ts'
import type { Environment } from '../credentials/certificate.ts'
import type { ProviderTokenVerifier } from './client-credential.ts'
import {
  checkRequest,
  headerFields,
  isMessageId,
  tokenOf,
  topicOf,
  type Credential,
  type HeaderFields,
} from './request-check.ts'
import {
  foreignAnswerFor,
  isConnectionFault,
  statusFor,
  type ConnectionFault,
  type ScriptedAnswers,
  type Verdict,
} from './scripted-answer.ts'

/** A request and its verdict. Header values are as received; undefined = not received. */
export interface ReceivedNotification {
  /** Arrival of its last byte, milliseconds since the UNIX epoch. */
  readonly atMs: number
  /** As in the path; empty if the path has none. */
  readonly token: string
  /** `apns-topic`, or the only topic of the client's certificate. */
  readonly topic: string | undefined
  readonly pushType: string | undefined
  readonly priority: string | undefined
  readonly expiration: string | undefined
  /** As received, or the one that the simulator generated for the answer. */
  readonly apnsId: string
  readonly collapseId: string | undefined
  /** Only the first 64 KiB of a longer body. */
  readonly payload: Buffer
  readonly credential: Credential['kind']
  /** Number of the connection, from 1. */
  readonly session: number
  /** HTTP status; 0 if `reason` is a {@link ConnectionFault}. */
  readonly status: number
  readonly reason: string | undefined
}

/** What a simulator does with valid requests. */
export interface Behaviour {
  readonly environment: Environment
  /** Time between request and answer, evenly spread. */
  readonly latencyMs: { readonly min: number; readonly max: number }
  readonly maxConcurrentStreams: number
  /** Requests of a connection after which the simulator sends GOAWAY; Infinity = never. */
  readonly goawayEvery: number
  /** Called for every request between its verdict and its answer; must not throw. */
  readonly onNotification: (notification: ReceivedNotification) => void
}

/** What all connections of a simulator share. */
export interface Simulation extends Behaviour {
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  readonly random: () => number
  readonly verifier: ProviderTokenVerifier
  readonly log: (event: object) => void
  script: ScriptedAnswers
  /** Whether no request is answered. */
  silent: boolean
}

/** The connection of a stream. */
export interface StreamConnection {
  readonly session: number
  credentialFor(authorization: string | undefined): Credential | Promise<Credential>
  /** The stream has sent status 200. */
  delivered(): void
  disconnect(): void
}

const keptBodyBytes = 65_536

/** Collects one request, then checks and answers it once. */
export class ProviderStream {
  readonly #stream: ServerHttp2Stream
  readonly #connection: StreamConnection
  readonly #simulation: Simulation
  readonly #fields: HeaderFields
  readonly #chunks: Buffer[] = []
  readonly #apnsId: string
  #bodyBytes = 0

  constructor(
    stream: ServerHttp2Stream,
    rawHeaders: readonly string[],
    connection: StreamConnection,
    simulation: Simulation,
  ) {
    this.#stream = stream
    this.#connection = connection
    this.#simulation = simulation
    this.#fields = headerFields(rawHeaders)
    this.#apnsId = messageId(this.#fields)
  }

  receive(chunk: Buffer): void {
    if (this.#bodyBytes < keptBodyBytes) this.#chunks.push(chunk)
    this.#bodyBytes += chunk.length
  }

  /** The request is complete, or its client has reset the stream. */
  finish(): void {
    if (this.#stream.closed) return
    const credential = this.#connection.credentialFor(this.#fields.values.get('authorization'))
    if (credential instanceof Promise) void credential.then(this.#judge.bind(this))
    else this.#judge(credential)
  }

  #judge(credential: Credential): void {
    const verdict = this.#verdict(credential)
    const { clock, latencyMs, onNotification, random } = this.#simulation
    onNotification(this.#received(credential, verdict))
    if (latencyMs.max === 0) {
      this.#carryOut(verdict)
      return
    }
    clock.after(latencyMs.min + random() * (latencyMs.max - latencyMs.min), () => {
      if (!this.#simulation.silent) this.#carryOut(verdict)
    })
  }

  #verdict(credential: Credential): Verdict {
    if (this.#simulation.silent) return { status: 0, reason: 'SILENCE' }
    const { middlebox } = this.#simulation.script
    if (middlebox !== undefined) return middlebox
    const fields = this.#fields
    const reason = checkRequest({ fields, bodyBytes: this.#bodyBytes, credential })
    if (reason === undefined) return this.#simulation.script.next(tokenOf(fields))
    return { status: statusFor(reason) ?? 400, reason }
  }

  #received(credential: Credential, { status, reason }: Verdict): ReceivedNotification {
    const { values } = this.#fields
    const [first] = this.#chunks
    return {
      atMs: this.#simulation.clock.now(),
      token: tokenOf(this.#fields),
      topic: topicOf(this.#fields, credential),
      pushType: values.get('apns-push-type'),
      priority: values.get('apns-priority'),
      expiration: values.get('apns-expiration'),
      apnsId: this.#apnsId,
      collapseId: values.get('apns-collapse-id'),
      payload: first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks),
      credential: credential.kind,
      session: this.#connection.session,
      status,
      reason,
    }
  }

  #carryOut(verdict: Verdict): void {
    if (this.#stream.closed || this.#stream.destroyed) return
    const foreign = foreignAnswerFor(verdict.reason)
    if (isConnectionFault(verdict.reason)) this.#fail(verdict.reason)
    else if (foreign !== undefined) {
      this.#stream.respond({ ':status': verdict.status, ...foreign.headers })
      this.#stream.end(foreign.body)
    } else this.#answer(verdict)
  }

  /** SILENCE needs no action. */
  #fail(fault: ConnectionFault): void {
    if (fault === 'REFUSED_STREAM') this.#stream.close(constants.NGHTTP2_REFUSED_STREAM)
    if (fault === 'RESET') this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    if (fault === 'DISCONNECT') this.#connection.disconnect()
  }

  /** — source: Apple, "Handling notification responses from APNs" */
  #answer({ status, reason, retryAfterSeconds }: Verdict): void {
    const headers: Record<string, string | number> = { ':status': status, 'apns-id': this.#apnsId }
    if (this.#simulation.environment === 'sandbox') headers['apns-unique-id'] = randomUUID()
    if (reason === undefined) {
      this.#stream.respond(headers, { endStream: true })
      this.#connection.delivered()
      return
    }
    if (retryAfterSeconds !== undefined) headers['retry-after'] = retryAfterSeconds
    this.#stream.respond(headers)
    // In milliseconds.
    const timestamp = status === 410 ? this.#simulation.clock.now() : undefined
    this.#stream.end(JSON.stringify({ reason, timestamp }))
  }
}

function messageId({ values }: HeaderFields): string {
  const given = values.get('apns-id')
  return given !== undefined && isMessageId(given) ? given : randomUUID()
}
