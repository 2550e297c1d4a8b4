/** A proxy between a provider that may misbehave and one that does not, with two good senders. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { until } from '../fixtures/condition.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { writeConfiguration, type Stage } from '../fixtures/stage.ts'
import { startWatchedProxy, type Watched, type WatchedProxy } from '../fixtures/watched-proxy.ts'
import { RawProvider } from './raw-provider.ts'

/** What a misbehaving sender needs. */
export type SenderStage = Pick<Stage, 'port' | 'sender'>

const loopback = { host: '127.0.0.1', port: 0 }
/** Steps of the proxy's clock grow to this while nothing happens at all. */
const longestStepMs = 60_000
const stepMs = 1000
/** So long nothing happens before the clock is moved: usually, and while an answer may be unread. */
const quietMs = 5
const unreadMs = 1000

/** The push that has this name and a token of its own. */
export function pushOf(name: string): Push {
  const token = createHash('sha256').update(name).digest('hex')
  return { token, payload: JSON.stringify({ aps: { alert: name } }) }
}

/** A sender that keeps to the protocol, and one connection of it. */
export class Canary {
  readonly #stage: SenderStage
  readonly #what: string
  /** Names of all that it has sent. */
  readonly sent: string[] = []
  /** Error responses, in hexadecimal: there should be none. */
  readonly told: string[] = []
  #socket: TLSSocket | undefined

  constructor(stage: SenderStage, what: string) {
    this.#stage = stage
    this.#what = what
  }

  /** Opens a connection; the one before is finished. */
  async connect(): Promise<void> {
    this.finish()
    const socket = await dial(this.#stage)
    socket.on('data', (bytes: Buffer) => this.told.push(bytes.toString('hex')))
    this.#socket = socket
  }

  send(count: number): void {
    const bytes = Array.from({ length: count }, () => {
      const name = `${this.#what} ${this.sent.length}`
      this.sent.push(name)
      return enhanced(this.sent.length, pushOf(name))
    })
    this.#socket?.write(Buffer.concat(bytes))
  }

  finish(): void {
    this.#socket?.end()
  }
}

/** From {@link open} to {@link close}. */
export class Scene {
  readonly proxy: WatchedProxy
  /** Of the route `moody`. */
  readonly moody: RawProvider
  /** Of the route `well`. */
  readonly well: RawProvider
  /** The sender that misbehaves, of the route `moody`. */
  readonly bad: SenderStage
  readonly feedbackPort: number
  /** Expects the PROXY protocol. */
  readonly balancedPort: number
  readonly #senders: Readonly<Record<'moody' | 'well', SenderStage>>
  readonly #directory: string

  private constructor(
    proxy: WatchedProxy,
    providers: Readonly<Record<'moody' | 'well', RawProvider>>,
    certificates: Readonly<Record<'moody' | 'well' | 'bad', SenderStage['sender']>>,
    directory: string,
  ) {
    const [port = 0, feedbackPort = 0, balancedPort = 0] = proxy.ports
    this.proxy = proxy
    this.moody = providers.moody
    this.well = providers.well
    this.bad = { port, sender: certificates.bad }
    this.feedbackPort = feedbackPort
    this.balancedPort = balancedPort
    this.#senders = {
      moody: { port, sender: certificates.moody },
      well: { port, sender: certificates.well },
    }
    this.#directory = directory
  }

  static async open(): Promise<Scene> {
    const providers = { moody: await RawProvider.open(), well: await RawProvider.open() }
    const certificates = {
      moody: await pushCertificate('com.example.app'),
      well: await pushCertificate('com.example.well'),
      bad: await pushCertificate('com.example.bad'),
    }
    const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-misbehaviour-'))
    const config = writeConfiguration(directory, certificates.moody, providers.well.origin, {
      production: providers.moody.origin,
      prepare: (folder) => {
        for (const name of ['well', 'bad'] as const) {
          const { certificatePem, keyPem } = certificates[name]
          writeFileSync(join(folder, `${name}.pem`), certificatePem + keyPem, { mode: 0o600 })
        }
      },
      file: {
        listeners: [
          { kind: 'gateway', ...loopback },
          { kind: 'feedback', ...loopback },
          { kind: 'gateway', ...loopback, proxyProtocol: { from: ['127.0.0.1'] } },
        ],
        // Node's own timer ends a handshake that stalls, so this one passes in full.
        handshakeTimeoutMs: 3000,
        // A machine with other work answers late. The clock is moved where a timeout is wanted.
        requestTimeoutMs: 60_000,
        routes: [
          {
            name: 'moody',
            certificate: 'push.pem',
            senderCertificates: ['push.pem', 'bad.pem'],
          },
          { name: 'well', certificate: 'well.pem', environment: 'sandbox' },
        ],
      },
    })
    const scene = new Scene(await startWatchedProxy(config), providers, certificates, directory)
    await scene.#prove()
    return scene
  }

  /** A new one on either route. */
  canary(route: 'moody' | 'well', what: string): Canary {
    return new Canary(this.#senders[route], what)
  }

  /** How many of these were accepted by a provider, more than once, and never. */
  count(names: readonly string[]): { delivered: number; doubled: number; lost: number } {
    const times = names.map((name) => this.#acceptedOf(name))
    return {
      delivered: times.filter((count) => count > 0).length,
      doubled: times.filter((count) => count > 1).length,
      lost: times.filter((count) => count === 0).length,
    }
  }

  /** Resolves once these are delivered. The clock is left alone. */
  async delivered(names: readonly string[]): Promise<void> {
    await until(() => this.count(names).lost === 0, { seen: () => this.#missing(names) })
  }

  /**
   * Resolves once these are delivered and the proxy owns nothing. Moves the proxy's clock on
   * whenever nothing happens; while it may still have to read an answer, only after a long time.
   */
  async settle(names: readonly string[]): Promise<void> {
    let before = ''
    let quietSinceMs = performance.now()
    let moveMs = 0
    let look: Watched | undefined
    await until(
      async () => {
        look = await this.proxy.look({ moveMs })
        if (look.owned === 0 && this.count(names).lost === 0) return true
        const now = this.#signature(look)
        const isQuiet = now === before
        if (!isQuiet) quietSinceMs = performance.now()
        before = now
        const patienceMs = this.#accepted > look.delivered ? unreadMs : quietMs
        const isPrompt = this.moody.pending === 0
        const mayMove = isPrompt && isQuiet && performance.now() - quietSinceMs > patienceMs
        moveMs = mayMove ? Math.min(2 * moveMs + stepMs, longestStepMs) : 0
        return false
      },
      { seen: () => ({ ...this.#missing(names), look }) },
    )
  }

  async close(): Promise<number | null> {
    const code = await this.proxy.stop()
    await Promise.all([this.moody.close(), this.well.close()])
    rmSync(this.#directory, { recursive: true })
    return code
  }

  /** Until a route has delivered once, it holds rejections back. */
  async #prove(): Promise<void> {
    for (const route of ['moody', 'well'] as const) {
      const canary = this.canary(route, `proof of ${route}`)
      await canary.connect()
      canary.send(1)
      await this.settle(canary.sent)
      canary.finish()
    }
  }

  get #accepted(): number {
    return this.moody.accepted + this.well.accepted
  }

  #acceptedOf(name: string): number {
    const { token } = pushOf(name)
    return this.moody.acceptedOf(token) + this.well.acceptedOf(token)
  }

  #missing(names: readonly string[]): object {
    return { missing: names.filter((name) => this.#acceptedOf(name) === 0).slice(0, 10) }
  }

  #signature({ received, settled, owned, sessions, inFlight }: Watched): string {
    const { moody, well } = this
    return [received, settled, owned, sessions, inFlight, moody.activity, well.activity].join()
  }
}
