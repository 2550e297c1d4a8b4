/** Connects to the provider API step by step, and reports which step failed. */
import type { X509Certificate } from 'node:crypto'
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
const silence = `nothing happened for ${timeoutMs / 1000} seconds`

/** An HTTP/2 session for a few requests to the provider API. */
export class Probe {
  readonly #session: ClientHttp2Session
  readonly #clock: Clock
  #goawayReason: string | undefined
  /** Such as `17.188.143.34, TLSv1.3`. */
  readonly path: string
  /** Of the server. */
  readonly certificate: X509Certificate | undefined

  private constructor(session: ClientHttp2Session, socket: TLSSocket, path: string, clock: Clock) {
    this.#session = session
    this.certificate = socket.getPeerX509Certificate()
    this.path = path
    this.#clock = clock
    session.on('goaway', (_code: number, _last: number, debugData?: Buffer) => {
      this.#goawayReason = readBody(debugData?.toString() ?? '').reason
    })
  }

  /** Connects as the proxy does. @throws {ProbeFault} */
  static async open(target: ProbeTarget, clock: Clock): Promise<Probe> {
    const progress = { step: firstStep(target) }
    const giveUp = new AbortController()
    const cancel = clock.after(timeoutMs, () => giveUp.abort())
    try {
      const socket = await openSocket(target, progress, giveUp.signal)
      const path = `${socket.remoteAddress ?? 'unknown'}, ${socket.getProtocol() ?? 'TLS'}`
      progress.step = 'http2'
      const session = connectHttp2(target.origin, { createConnection: () => socket })
      await arrival(session, 'remoteSettings')
      return new Probe(session, socket, path, clock)
    } catch (error) {
      if (giveUp.signal.aborted) throw new ProbeFault(progress.step, 'TIMEOUT', silence)
      giveUp.abort()
      throw faultOf(progress.step, error)
    } finally {
      cancel()
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

/** The step that is under way. */
interface Progress {
  step: Step
}

function firstStep({ origin, proxy }: ProbeTarget): Step {
  if (proxy !== undefined) return 'proxy'
  return isIP(new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')) === 0 ? 'dns' : 'tcp'
}

/** @param signal closes the socket */
function openSocket(
  target: ProbeTarget,
  progress: Progress,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const stop = dial(
      { ...target, providerToken: undefined, random: () => 0 },
      {
        dialled: (socket) => {
          signal.addEventListener('abort', () => socket.destroy())
          resolve(secured(socket, progress))
        },
        failed: (cause) => reject(new Error(cause)),
      },
    )
    signal.addEventListener('abort', stop)
  })
}

async function secured(socket: Socket, progress: Progress): Promise<TLSSocket> {
  if (progress.step === 'proxy') progress.step = 'tls'
  socket.on('lookup', (error: Error | null) => {
    if (error === null) progress.step = 'tcp'
  })
  socket.on('connect', () => {
    progress.step = 'tls'
  })
  await arrival(socket, 'secureConnect')
  progress.step = 'alpn'
  if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') return socket
  throw new Error('no HTTP/2 is offered')
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
