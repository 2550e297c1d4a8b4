/**
 * Puts the proxy together, the only place where its parts meet:
 *
 *     sender ──TLS──▶ Listener ─▶ SenderConnection ─▶ Relay ─▶ Pool ──HTTP/2──▶ APNs
 *                                      ◀── settlement ──┘ ◀── outcome ──┘
 */
import { randomUUID } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { AdminServer, type Readiness } from './admin/admin-server.ts'
import { createMetrics, type RouteGauge } from './admin/metrics.ts'
import { ProviderToken } from './apns/provider-token.ts'
import type { Cancel, Clock } from './clock.ts'
import type { Configuration } from './config/configuration.ts'
import type { Route } from './config/route.ts'
import { SenderConnection } from './gateway/connection.ts'
import { serveFeedback } from './gateway/feedback-service.ts'
import { Listener, turnAway } from './gateway/listener.ts'
import { SenderRegistry, type SenderCertificate } from './gateway/sender-registry.ts'
import type { Logger } from './log.ts'
import {
  observeConnection,
  observeFeedback,
  observeListener,
  observePool,
  observeRelay,
  observeStore,
} from './log-observer.ts'
import type { Recorder } from './recording/recorder.ts'
import { Relay, type RelayFeedback, type RelayJournal } from './relay/relay.ts'
import { openLmdbStore } from './store/lmdb-store.ts'
import type { Store } from './store/store.ts'
import { NodeHttp2Session } from './upstream/node-http2-session.ts'
import { Pool } from './upstream/pool.ts'

/** What a proxy is given from outside. */
export interface ProxyDeps {
  readonly log: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Listens in on connections, where given. */
  readonly recorder?: Recorder | undefined
}

/** Where a running proxy is bound. */
export interface ProxyAddresses {
  readonly listeners: readonly { kind: string; host: string; port: number }[]
  readonly admin: { readonly host: string; readonly port: number }
}

/** A route at work. */
interface Line extends RouteGauge {
  readonly open: Set<SenderConnection>
  readonly route: Route
  readonly senderKeys: readonly string[]
  readonly environment: Route['environment']
  readonly relay: Relay
  readonly pool: Pool
  readonly providerToken: ProviderToken | undefined
  readonly log: Logger
}

const connectTimeoutMs = 10_000
const pingIntervalMs = 60_000
const pingTimeoutMs = 5_000
const quietMs = 20
const quietAtMostMs = 100
/** Share of maxConnections from which on the deaf have to go. */
const crowded = 0.9
/** Idle for longer than this after its error response, a sender is not about to read it. */
const deafMs = 10_000

/** See the file's first lines. Starts from the inside out and stops from the outside in. */
export class Proxy {
  readonly #configuration: Configuration
  readonly #deps: ProxyDeps
  #lines: readonly Line[] = []
  #store: Store | undefined
  readonly #listeners: Listener[] = []
  #admin: AdminServer | undefined
  #connections = 0

  constructor(configuration: Configuration, deps: ProxyDeps) {
    this.#configuration = configuration
    this.#deps = deps
  }

  /**
   * Opens the store, signs provider tokens, opens sessions, takes up what an earlier process left
   * in the journal, binds every port, then logs `proxy.ready`.
   * @throws {StoreError} when the data directory cannot be used, and the system's error when an
   * address cannot be bound; nothing stays open then
   */
  async start(): Promise<ProxyAddresses> {
    try {
      const store = await openStore(this.#configuration, this.#deps)
      this.#store = store
      this.#lines = this.#configuration.routes.map((route) =>
        buildLine(route, this.#configuration, store, this.#deps),
      )
      for (const { providerToken } of this.#lines) await providerToken?.start()
      for (const { pool } of this.#lines) pool.start()
      this.#recover(store)
      const registry = new SenderRegistry(this.#lines)
      for (const options of this.#configuration.listeners)
        this.#listeners.push(await this.#listen(options, registry))
      this.#admin = await AdminServer.open(this.#configuration.admin, {
        metrics: createMetrics(this.#lines),
        readiness: () => this.#readiness(),
      })
      return this.#ready(this.#admin)
    } catch (error) {
      await this.destroy()
      throw error
    }
  }

  /**
   * Accepts no more, settles what was received, closes.
   * @returns false when `drainSeconds` passed before all was settled
   */
  async stop(): Promise<boolean> {
    this.#deps.log.info({ event: 'proxy.stopping' })
    const closed = this.#listeners.map((listener) => listener.close())
    const drained = await this.#drain(this.#configuration.limits.drainSeconds * 1000)
    for (const listener of this.#listeners) listener.destroyConnections()
    await Promise.all(closed)
    if (drained) await Promise.all(this.#lines.map(({ pool }) => pool.drain()))
    await this.destroy()
    this.#deps.log.info({ event: 'proxy.stopped', drained })
    return drained
  }

  /** Stops now; what is not settled is lost with the process. */
  async destroy(): Promise<void> {
    for (const { pool, providerToken } of this.#lines) {
      pool.destroy()
      providerToken?.stop()
    }
    for (const listener of this.#listeners) listener.destroyConnections()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    await this.#admin?.close()
    await this.#store?.close()
  }

  /** What belongs to a route that is no longer configured stays where it is. */
  #recover({ journal }: Store): void {
    const lines = new Map(this.#lines.map((line) => [line.name, line]))
    let count = 0
    for (const { route, record, settled } of journal.recover()) {
      const line = lines.get(route)
      if (line === undefined) continue
      count++
      line.relay.recover(record, settled)
    }
    if (count > 0) this.#deps.log.info({ event: 'journal.recovered', notifications: count })
  }

  /** Senders that never pause are stopped after half of the time, so that answers have the rest. */
  async #drain(withinMs: number): Promise<boolean> {
    const { clock } = this.#deps
    const relays = this.#lines.map(({ relay }) => relay)
    const senders = this.#lines.flatMap(({ open }) => [...open])
    const stopped = Promise.all(senders.map((one) => one.stop(clock.now() + withinMs / 2)))
    const settled = stopped.then(() => Promise.all(relays.map((relay) => relay.idle())))
    let cancel: Cancel | undefined
    const timeIsUp = new Promise<void>((resolve) => {
      cancel = clock.after(withinMs, resolve)
    })
    await Promise.race([settled, timeIsUp])
    cancel?.()
    return relays.every(({ owned }) => owned === 0)
  }

  #listen(
    options: Configuration['listeners'][number],
    registry: SenderRegistry<Line>,
  ): Promise<Listener> {
    const { tls, limits } = this.#configuration
    return Listener.open<Line>(
      { ...options, ...tls, ...limits },
      {
        registry,
        welcome: (socket, line, certificate) => {
          if (options.kind === 'feedback') this.#serveFeedback(socket, line)
          else this.#welcome(socket, line, certificate)
        },
        clock: this.#deps.clock,
        observer: observeListener(this.#deps.log),
      },
    )
  }

  #serveFeedback(socket: TLSSocket, { name, log }: Line): void {
    const { clock, recorder } = this.#deps
    recorder?.record(socket, { kind: 'feedback', route: name })
    const store = this.#store?.feedback
    if (store === undefined) socket.destroy()
    else serveFeedback(socket, name, { store, clock, observer: observeFeedback(log) })
  }

  #welcome(socket: TLSSocket, line: Line, certificate: SenderCertificate): void {
    const { clock, recorder } = this.#deps
    const id = ++this.#connections
    recorder?.record(socket, { kind: 'gateway', route: line.name, connection: id })
    const log = line.log.child({ connection: id })
    if (line.relay.downReason !== undefined) {
      log.warn({ event: 'connection.refused', reason: line.relay.downReason }, 'the route is down')
      turnAway(socket, this.#configuration.limits.handshakeTimeoutMs, clock)
      return
    }
    this.#makeRoom()
    log.info({
      event: 'connection.opened',
      address: socket.remoteAddress,
      protocol: socket.getProtocol(),
      subject: certificate.subject,
    })
    if (certificate.notAfter.getTime() < clock.now())
      log.warn({ event: 'sender.certificate-expired', notAfter: certificate.notAfter })
    const { errorDeadlineMs, window, maxPayloadBytes } = line.route
    const sender = certificate.publicKeySha256
    const observer = observeConnection(log)
    const connection: SenderConnection = new SenderConnection(socket, {
      origin: { connection: id, sender },
      relay: line.relay,
      hasRoom: () => this.#hasRoom(line),
      reportedBefore: [...line.open].filter(
        (earlier) => earlier.sender === sender && earlier.mayBeOvertaken,
      ),
      limits: { errorDeadlineMs, window, maxPayloadBytes, quietMs, quietAtMostMs },
      clock,
      observer: {
        ...observer,
        closed: (summary) => {
          line.open.delete(connection)
          observer.closed(summary)
        },
      },
    })
    line.open.add(connection)
  }

  /** More than this is neither kept in memory nor on disk: senders wait in their own writes. */
  #hasRoom({ relay }: Line): boolean {
    const { maxEntries } = this.#configuration.journal
    return relay.owned < maxEntries && this.#store?.journal.healthy !== false
  }

  /** A sender that is deaf to its error response may keep its connection for ever. */
  #makeRoom(): void {
    const senders = this.#lines.flatMap(({ open }) => [...open])
    if (senders.length < this.#configuration.limits.maxConnections * crowded) return
    const deaf = senders.filter(({ isOverrunning }) => isOverrunning)
    const [longestIdle] = deaf.sort((one, other) => other.idleMs - one.idleMs)
    if (longestIdle !== undefined && longestIdle.idleMs >= deafMs) longestIdle.destroy()
  }

  /** What is measured of each route. */
  get lines(): readonly RouteGauge[] {
    return this.#lines
  }

  #ready(admin: AdminServer): ProxyAddresses {
    const addresses = {
      listeners: this.#listeners.map(({ address }, index) => ({
        kind: this.#configuration.listeners[index]?.kind ?? 'gateway',
        host: address.address,
        port: address.port,
      })),
      admin: { host: admin.address.address, port: admin.address.port },
    }
    const routes = this.#lines.map(({ route }) => ({
      name: route.name,
      environment: route.environment,
      topic: route.topic,
    }))
    this.#deps.log.info({ event: 'proxy.ready', ...addresses, routes })
    return addresses
  }

  #readiness(): Readiness {
    const routes = Object.fromEntries(
      this.#lines.map(({ name, pool, relay }) => [
        name,
        pool.load.sessions > 0 && relay.downReason === undefined,
      ]),
    )
    return { ready: Object.values(routes).every(Boolean), routes }
  }
}

function openStore({ dataDirectory }: Configuration, { clock, log }: ProxyDeps): Promise<Store> {
  return openLmdbStore(dataDirectory, { clock, observer: observeStore(log) })
}

function buildLine(
  route: Route,
  configuration: Configuration,
  store: Store,
  deps: ProxyDeps,
): Line {
  const { clock, random } = deps
  const log = deps.log.child({ route: route.name })
  const { credential } = route
  const providerToken =
    credential.kind === 'signing-key' ? new ProviderToken(credential, clock) : undefined
  const target = {
    origin: configuration.providerApi.origins[route.environment],
    certificate: credential.kind === 'certificate' ? credential : undefined,
    certificateAuthority: configuration.providerApi.certificateAuthority,
    providerToken,
  }
  const { requestTimeoutMs } = configuration.limits
  const times = { connectTimeoutMs, requestTimeoutMs, pingIntervalMs, pingTimeoutMs }
  const pool: Pool = new Pool(
    (owner) => new NodeHttp2Session(target, owner, times, clock),
    configuration.limits,
    {
      clock,
      random,
      observer: {
        ...observePool(log),
        refused: (cause) => {
          relay.refused(cause)
        },
        steady: () => {
          relay.steady()
        },
      },
    },
  )
  const relay: Relay = new Relay(route, {
    upstream: pool,
    journal: configuration.journal.enabled ? journalOf(store, route) : noJournal,
    feedback: feedbackOf(store, route),
    clock,
    random,
    newApnsId: randomUUID,
    observer: observeRelay(log),
  })
  const open = new Set<SenderConnection>()
  return {
    name: route.name,
    route,
    senderKeys: route.senderKeys,
    environment: route.environment,
    relay,
    pool,
    providerToken,
    open,
    log,
    tally: relay.tally,
    owned: () => relay.owned,
    upstream: () => ({ ...pool.load, waiting: pool.waiting }),
    connections: () => open.size,
  }
}

const noJournal: RelayJournal = {
  put: () => ({ settled: () => undefined }),
}

function journalOf({ journal }: Store, { name }: Route): RelayJournal {
  return { put: (entries) => journal.put(name, entries) }
}

function feedbackOf({ feedback }: Store, { name }: Route): RelayFeedback {
  return {
    add: (token, timestamp) => {
      feedback.add(name, token, timestamp)
    },
    drop: (token) => {
      feedback.drop(name, token)
    },
  }
}
