/** The way to the provider API, step by step, so that a fault tells in which step it is. */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls'
import type { Clock } from '../clock.ts'

/** Whom to reach, and as whom. */
export interface ProbeTarget {
  /** `https://host[:port]` */
  readonly origin: string
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | undefined
  /** PEM, beside the roots that Node trusts. */
  readonly certificateAuthority: string | undefined
}

/** Each is only possible after the one before it. */
export type Step = 'dns' | 'tcp' | 'tls' | 'alpn' | 'http2'

/** The way ended in a step. Radius: the check of this origin. */
export class ProbeFault extends Error {
  override readonly name = 'ProbeFault'
  readonly step: Step
  /** Of the system or OpenSSL; `TIMEOUT` when nothing happened for too long. */
  readonly code: string

  constructor(step: Step, code: string, message: string) {
    super(message)
    this.step = step
    this.code = code
  }
}

/** What a request was answered. */
export interface ProbeAnswer {
  readonly status: number
  readonly body: string
  /** The peer's clock, where it tells; milliseconds. */
  readonly dateMs: number | undefined
}

/** For all steps together, and for each request. */
const timeoutMs = 10_000

/** An HTTP/2 session to the provider API, for a few requests. */
export class Probe {
  readonly #session: ClientHttp2Session
  readonly #clock: Clock
  /** Such as `17.188.143.34, TLSv1.3`. */
  readonly path: string

  private constructor(session: ClientHttp2Session, path: string, clock: Clock) {
    this.#session = session
    this.path = path
    this.#clock = clock
  }

  /** @throws {ProbeFault} */
  static async open(target: ProbeTarget, clock: Clock): Promise<Probe> {
    const way = new Way(target, clock)
    try {
      const socket = await way.secure()
      const path = `${socket.remoteAddress ?? 'unknown'}, ${socket.getProtocol() ?? 'TLS'}`
      return new Probe(await way.settle(socket), path, clock)
    } catch (error) {
      throw way.fail(error)
    }
  }

  /** @throws {ProbeFault} when there is no answer */
  async request(headers: Readonly<Record<string, string>>, body: Buffer): Promise<ProbeAnswer> {
    const stream = this.#session.request(headers, { endStream: body.length === 0 })
    const cancel = this.#clock.after(timeoutMs, () => {
      stream.destroy(new ProbeFault('http2', 'TIMEOUT', 'no answer'))
    })
    stream.setEncoding('utf8')
    if (body.length > 0) stream.end(body)
    try {
      const [response] = (await once(stream, 'response')) as [Record<string, unknown>]
      let text = ''
      for await (const chunk of stream as AsyncIterable<string>) text += chunk
      const dateMs = Date.parse(String(response['date']))
      const status = Number(response[':status'])
      return { status, body: text, dateMs: Number.isNaN(dateMs) ? undefined : dateMs }
    } catch (error) {
      throw error instanceof ProbeFault ? error : faultOf('http2', error)
    } finally {
      cancel()
    }
  }

  close(): void {
    this.#session.destroy()
  }
}

/** The steps in their order, the socket of the last, and the time for all of them. */
class Way {
  readonly #target: ProbeTarget
  readonly #url: URL
  readonly #stop: () => void
  #step: Step = 'dns'
  #timedOut = false
  #abandon: () => void = () => undefined

  constructor(target: ProbeTarget, clock: Clock) {
    this.#target = target
    this.#url = new URL(target.origin)
    this.#stop = clock.after(timeoutMs, () => {
      this.#timedOut = true
      this.#abandon()
    })
  }

  async secure(): Promise<TLSSocket> {
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1')
    const { address } = await this.#unlessLate(lookup(host))
    const tcp = connectTcp(Number(this.#url.port || 443), address)
    await this.#through('tcp', tcp, 'connect')
    const { certificate, certificateAuthority } = this.#target
    const socket = connectTls({
      socket: tcp,
      ...(isIP(host) === 0 && { servername: host }),
      host,
      ALPNProtocols: ['h2'],
      ...(certificate && { cert: certificate.certificatePem, key: certificate.keyPem }),
      ...(certificateAuthority !== undefined && {
        ca: [...rootCertificates, certificateAuthority],
      }),
    })
    await this.#through('tls', socket, 'secureConnect')
    this.#step = 'alpn'
    if (socket.alpnProtocol !== 'h2') throw new Error('no HTTP/2 is offered')
    return socket
  }

  async settle(socket: TLSSocket): Promise<ClientHttp2Session> {
    const session = connectHttp2(this.#target.origin, { createConnection: () => socket })
    await this.#through('http2', session, 'remoteSettings')
    this.#stop()
    return session
  }

  fail(error: unknown): ProbeFault {
    this.#stop()
    this.#abandon()
    return this.#timedOut
      ? new ProbeFault(this.#step, 'TIMEOUT', `nothing happened for ${timeoutMs / 1000} seconds`)
      : faultOf(this.#step, error)
  }

  async #through(
    step: Step,
    subject: NodeJS.EventEmitter & { destroy(): unknown },
    event: string,
  ): Promise<void> {
    this.#step = step
    this.#abandon = () => subject.destroy()
    subject.on('error', () => {
      // What is waiting for the event is told.
    })
    await Promise.race([once(subject, event), once(subject, 'close').then(closedEarly)])
  }

  /** A look-up cannot be called off, only left alone. */
  async #unlessLate<Result>(result: Promise<Result>): Promise<Result> {
    const late = new Promise<never>((_resolve, reject) => {
      this.#abandon = () => {
        reject(new Error('no answer'))
      }
    })
    return Promise.race([result, late])
  }
}

function closedEarly(): never {
  throw new Error('the other side closed')
}

function faultOf(step: Step, error: unknown): ProbeFault {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'CLOSED'
  return new ProbeFault(step, code, error instanceof Error ? error.message : String(error))
}
