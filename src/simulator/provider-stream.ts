/** One HTTP/2 stream: receives a request, then sends the answer or causes the fault of the script. */
import { randomUUID } from 'node:crypto'
import { constants, type ServerHttp2Stream } from 'node:http2'
import {
  checkRequest,
  headerFields,
  isMessageId,
  tokenOf,
  topicOf,
  type Credential,
  type HeaderFields,
} from './request-check.ts'
import { statusFor } from './reason.ts'
import { isConnectionFault, type ConnectionFault, type Verdict } from './scripted-answer.ts'

/** A request that has been judged. Header values are as received; undefined = not sent. */
export interface ReceivedNotification {
  /** When its last byte came, milliseconds since the UNIX epoch. */
  readonly atMs: number
  /** As in the path; empty when there was none. */
  readonly token: string
  /** `apns-topic`, or the only topic of the client's certificate. */
  readonly topic: string | undefined
  readonly pushType: string | undefined
  readonly priority: string | undefined
  readonly expiration: string | undefined
  /** The one received, or the one made up for the answer. */
  readonly apnsId: string
  readonly collapseId: string | undefined
  /** Of a body over 64 KiB, only the beginning. */
  readonly payload: Buffer
  readonly credential: Credential['kind']
  /** Number of the connection, from 1. */
  readonly session: number
  /** HTTP status; 0 when the reason is a {@link ConnectionFault} instead of an answer. */
  readonly status: number
  readonly reason: string | undefined
}

export interface StreamContext {
  readonly session: number
  /** Adds `apns-unique-id` to the answers. */
  readonly sandbox: boolean
  /** Nothing is to be answered. */
  readonly silent: boolean
  /** Milliseconds since the UNIX epoch. */
  now(): number
  credentialFor(authorization: string | undefined): Credential | Promise<Credential>
  /** The verdict on a request that is valid. */
  verdictFor(token: string): Verdict
  /** Calls back when the time for the answer has come, or never. */
  afterLatency(answer: () => void): void
  judged(notification: ReceivedNotification): void
  /** A status 200 has been sent. */
  delivered(): void
  disconnect(): void
}

const keptBodyBytes = 65_536

/** Collects one request, then judges and answers it once. */
export class ProviderStream {
  readonly #stream: ServerHttp2Stream
  readonly #context: StreamContext
  readonly #fields: HeaderFields
  readonly #chunks: Buffer[] = []
  readonly #apnsId: string
  #bodyBytes = 0

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], context: StreamContext) {
    this.#stream = stream
    this.#context = context
    this.#fields = headerFields(rawHeaders)
    this.#apnsId = messageId(this.#fields)
  }

  receive(chunk: Buffer): void {
    if (this.#bodyBytes < keptBodyBytes) this.#chunks.push(chunk)
    this.#bodyBytes += chunk.length
  }

  /** The request is complete, or its client has given it up. */
  finish(): void {
    if (this.#stream.closed) return
    const credential = this.#context.credentialFor(this.#fields.values.get('authorization'))
    if (!(credential instanceof Promise)) this.#judge(credential)
    else
      void credential.then((known) => {
        this.#judge(known)
      })
  }

  #judge(credential: Credential): void {
    const verdict = this.#verdict(credential)
    this.#context.judged(this.#received(credential, verdict))
    this.#context.afterLatency(() => {
      this.#carryOut(verdict)
    })
  }

  #verdict(credential: Credential): Verdict {
    if (this.#context.silent) return { status: 0, reason: 'SILENCE' }
    const request = { fields: this.#fields, bodyBytes: this.#bodyBytes, credential }
    const reason = checkRequest(request)
    if (reason === undefined) return this.#context.verdictFor(tokenOf(this.#fields))
    return { status: statusFor(reason) ?? 400, reason }
  }

  #received(credential: Credential, { status, reason }: Verdict): ReceivedNotification {
    const { values } = this.#fields
    const [first] = this.#chunks
    return {
      atMs: this.#context.now(),
      token: tokenOf(this.#fields),
      topic: topicOf(this.#fields, credential),
      pushType: values.get('apns-push-type'),
      priority: values.get('apns-priority'),
      expiration: values.get('apns-expiration'),
      apnsId: this.#apnsId,
      collapseId: values.get('apns-collapse-id'),
      payload: first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks),
      credential: credential.kind,
      session: this.#context.session,
      status,
      reason,
    }
  }

  #carryOut(verdict: Verdict): void {
    if (this.#stream.closed || this.#stream.destroyed) return
    if (isConnectionFault(verdict.reason)) this.#fail(verdict.reason)
    else this.#answer(verdict)
  }

  /** SILENCE needs no action. */
  #fail(fault: ConnectionFault): void {
    if (fault === 'REFUSED_STREAM') this.#stream.close(constants.NGHTTP2_REFUSED_STREAM)
    if (fault === 'RESET') this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    if (fault === 'DISCONNECT') this.#context.disconnect()
  }

  /** — source: Apple, "Handling notification responses from APNs" */
  #answer({ status, reason }: Verdict): void {
    const headers: Record<string, string | number> = { ':status': status, 'apns-id': this.#apnsId }
    if (this.#context.sandbox) headers['apns-unique-id'] = randomUUID()
    if (reason === undefined) {
      this.#stream.respond(headers, { endStream: true })
      this.#context.delivered()
      return
    }
    this.#stream.respond(headers)
    this.#stream.end(JSON.stringify(this.#body(status, reason)))
  }

  /** The timestamp of a 410 is in milliseconds. */
  #body(status: number, reason: string): object {
    return status === 410 ? { reason, timestamp: this.#context.now() } : { reason }
  }
}

function messageId({ values }: HeaderFields): string {
  const given = values.get('apns-id')
  return given !== undefined && isMessageId(given) ? given : randomUUID()
}
