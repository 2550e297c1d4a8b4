/** Connects to the provider API step by step, and reports which step failed. */
import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { isIP, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { readBody } from '../apns/outcome.ts'
import type { Clock } from '../timing/clock.ts'
import { dial } from '../upstream/dial.ts'
import type { SessionTarget } from '../upstream/session.ts'

export type ProbeTarget = Pick<
  SessionTarget,
  'origin' | 'certificate' | 'certificateAuthority' | 'proxy'
>

/** In this order. */
export type Step = 'proxy' | 'dns' | 'tcp' | 'tls' | 'alpn' | 'http2'

/** A step failed. Radius: the check of this origin. */
export class ProbeFault extends Error {
  override readonly name = 'ProbeFault'
  readonly step: Step
  /** The code of the system or OpenSSL, the reason in a GOAWAY, or `TIMEOUT`. */
  readonly code: string

  constructor(step: Step, code: string, message: string) {
    super(message)
    this.step = step
    this.code = code
  }
}

export interface ProbeAnswer {
  readonly status: number
  readonly body: string
  /** The `date` header, milliseconds since the epoch; undefined without one. */
  readonly dateMs: number | undefined
}

/** For all steps together, and for each request. */
const timeoutMs = 10_000

/** An HTTP/2 session for a few requests to the provider API. */
export class Probe {
  readonly #session: ClientHttp2Session
  readonly #clock: Clock
  #goawayReason: string | undefined
  /** Such as `17.188.143.34, TLSv1.3`. */
  readonly path: string

  private constructor(session: ClientHttp2Session, path: string, clock: Clock) {
    this.#session = session
    this.path = path
    this.#clock = clock
    session.on('goaway', (_code: number, _last: number, debugData?: Buffer) => {
      this.#goawayReason = readBody(debugData?.toString() ?? '').reason
    })
  }

  /** @throws {ProbeFault} */
  static async open(target: ProbeTarget, clock: Clock): Promise<Probe> {
    const attempt = new ConnectionAttempt(target, clock)
    try {
      const socket = await attempt.dial()
      const path = `${socket.remoteAddress ?? 'unknown'}, ${socket.getProtocol() ?? 'TLS'}`
      return new Probe(await attempt.openSession(socket), path, clock)
    } catch (error) {
      throw attempt.fail(error)
    }
  }

  /** @throws {ProbeFault} without an answer */
  async request(headers: Readonly<Record<string, string>>, body: Buffer): Promise<ProbeAnswer> {
    const stream = this.#session.request(headers, { endStream: body.length === 0 })
    const cancel = this.#clock.after(timeoutMs, () =>
      stream.destroy(new ProbeFault('http2', 'TIMEOUT', 'no answer')),
    )
    let answer = { status: 0, body: '', dateMs: NaN }
    stream.on('response', ({ ':status': status = 0, date = '' }) => {
      answer = { ...answer, status, dateMs: Date.parse(date) }
    })
    stream.setEncoding('utf8').on('data', (text: string) => (answer.body += text))
    if (body.length > 0) stream.end(body)
    try {
      await once(stream, 'close')
      if (answer.status === 0) closedEarly()
      return { ...answer, dateMs: Number.isNaN(answer.dateMs) ? undefined : answer.dateMs }
    } catch (error) {
      const reason = this.#goawayReason
      throw reason === undefined
        ? faultOf('http2', error)
        : new ProbeFault('http2', reason, `GOAWAY ${reason}`)
    } finally {
      cancel()
    }
  }

  close(): void {
    this.#session.destroy()
  }
}

/** Connects as the proxy does, and records the current step. */
class ConnectionAttempt {
  readonly #target: ProbeTarget
  readonly #stopClock: () => void
  #step: Step
  #timedOut = false
  #abandon: () => void = () => undefined

  constructor(target: ProbeTarget, clock: Clock) {
    const host = new URL(target.origin).hostname.replace(/^\[(.*)\]$/, '$1')
    this.#target = target
    this.#step = target.proxy !== undefined ? 'proxy' : isIP(host) === 0 ? 'dns' : 'tcp'
    this.#stopClock = clock.after(timeoutMs, () => {
      this.#timedOut = true
      this.#abandon()
    })
  }

  dial(): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      let dialled: Socket | undefined
      const stop = dial(
        { ...this.#target, providerToken: undefined, random: () => 0 },
        {
          dialled: (socket) => {
            dialled = socket
            resolve(this.#secure(socket))
          },
          failed: (cause) => reject(new Error(cause)),
        },
      )
      this.#abandon = () => {
        stop()
        dialled?.destroy()
      }
    })
  }

  async #secure(socket: Socket): Promise<TLSSocket> {
    if (this.#step === 'proxy') this.#step = 'tls'
    socket.on('lookup', (error: Error | null) => {
      if (error === null) this.#step = 'tcp'
    })
    socket.on('connect', () => {
      this.#step = 'tls'
    })
    await arrival(socket, 'secureConnect')
    this.#step = 'alpn'
    if (!(socket instanceof TLSSocket) || socket.alpnProtocol !== 'h2')
      throw new Error('no HTTP/2 is offered')
    return socket
  }

  async openSession(socket: TLSSocket): Promise<ClientHttp2Session> {
    this.#step = 'http2'
    const session = connectHttp2(this.#target.origin, { createConnection: () => socket })
    await arrival(session, 'remoteSettings')
    this.#stopClock()
    return session
  }

  fail(error: unknown): ProbeFault {
    this.#stopClock()
    this.#abandon()
    return this.#timedOut
      ? new ProbeFault(this.#step, 'TIMEOUT', `nothing happened for ${timeoutMs / 1000} seconds`)
      : faultOf(this.#step, error)
  }
}

/** Rejects if the emitter fails or closes first. Ignores its later errors. */
async function arrival(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  emitter.on('error', () => undefined)
  await Promise.race([once(emitter, event), once(emitter, 'close').then(closedEarly)])
}

function closedEarly(): never {
  throw new Error('the other side closed')
}

function faultOf(step: Step, error: unknown): ProbeFault {
  if (error instanceof ProbeFault) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'CLOSED'
  const message = error instanceof Error ? error.message : String(error)
  // The message is empty if several addresses were tried and failed.
  return new ProbeFault(step, code, message || code)
}
