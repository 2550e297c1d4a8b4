/**
 * Puts the proxy together, the only place where its parts meet:
 *
 *     sender ──TLS──▶ Listener ─▶ SenderConnection ─▶ Relay ─▶ Pool ──HTTP/2──▶ APNs
 *                                      ◀── settlement ──┘ ◀── outcome ──┘
 */
import type { TLSSocket } from 'node:tls'
import type { Registry } from 'prom-client'
import { AdminServer, type Readiness } from '../admin/admin-server.ts'
import { History, totalsOf } from '../admin/history.ts'
import { createMetrics, type CertificateGauge, type MetricSources } from '../admin/metrics.ts'
import { Rejections } from '../admin/rejections.ts'
import type { StoreState } from '../admin/status-source.ts'
import { statusOf, type Status } from '../admin/status.ts'
import { KeyRing } from '../apns/key-ring.ts'
import { CensusKeeper } from '../census-keeper.ts'
import { countConnectionOf, countStrangers } from '../census-observer.ts'
import { Census } from '../census/census.ts'
import { reportOf, type Report } from '../census/report.ts'
import { countConnection, countFeedbackRead, type SenderFacts } from '../census/sender-facts.ts'
import type { Clock } from '../timing/clock.ts'
import type { Configuration, ListenerConfiguration } from '../config/configuration.ts'
import { networkList } from '../config/ip-network.ts'
import type { CertificateCredential } from '../credentials/credential.ts'
import { SenderConnection } from '../gateway/connection.ts'
import { serveFeedback } from '../gateway/feedback-service.ts'
import { Listener, turnAway, type ListenerOptions } from '../gateway/listener.ts'
import { SenderRegistry, type SenderCertificate } from '../gateway/sender-registry.ts'
import { ActiveRoute, type ActiveRouteDeps } from './active-route.ts'
import type { Logger } from '../log/log.ts'
import {
  logConnection,
  observeCensus,
  observeFeedback,
  observeListener,
  observeRedis,
  observeStore,
} from './log-observer.ts'
import type { Recorder } from '../recording/recorder.ts'
import { openLmdbStore } from '../store/lmdb-store.ts'
import type { RecoveredRecord, Store } from '../store/store.ts'
import { within } from '../timing/timer.ts'
import { version } from './version.ts'

/** What a proxy is given from outside. */
export interface ProxyDeps {
  readonly log: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Listens in on connections, where given. */
  readonly recorder?: Recorder | undefined
  /** File descriptors of sockets that are bound already, by the `socket` of their listener. */
  readonly inherited?: ReadonlyMap<string, number> | undefined
}

/** Where senders connect. */
export interface ListenerAddress {
  readonly kind: string
  readonly host: string
  readonly port: number
}

/** Where a running proxy is bound. */
export interface ProxyAddresses {
  readonly listeners: readonly ListenerAddress[]
  readonly admin: { readonly host: string; readonly port: number }
}

const quietMs = 20
const quietAtMostMs = 100
/** A sender that has connected before a stop is served, if it gets on with its handshake. */
const lateHandshakeMs = 1000
/** Share of maxConnections from which on the deaf have to go. */
const crowded = 0.9
/** Idle for longer than this after its error response, a sender is not about to read it. */
const deafMs = 10_000

/** Starts from the inside out and stops from the outside in. */
export class Proxy {
  readonly #metrics: Registry
  readonly #deps: ProxyDeps
  readonly #keyRing: KeyRing
  #configuration: Configuration
  #routes: readonly ActiveRoute[] = []
  /** Routes that are not configured any more and still own something. */
  readonly #leaving = new Set<ActiveRoute>()
  #registry = new SenderRegistry<ActiveRoute>([])
  #store: Store | undefined
  #census: CensusKeeper | undefined
  readonly #listeners: Listener[] = []
  #admin: AdminServer | undefined
  readonly #startedAtMs: number
  readonly #rejections: Rejections
  #history: History | undefined
  #connections = 0

  constructor(configuration: Configuration, deps: ProxyDeps) {
    this.#configuration = configuration
    this.#deps = deps
    this.#keyRing = new KeyRing(deps.clock, {
      agree: (name, own, sinceMs) =>
        this.#store?.tokens?.agree(name, own, sinceMs) ?? Promise.resolve(own),
    })
    this.#startedAtMs = deps.clock.now()
    this.#rejections = new Rejections(deps.clock)
    this.#metrics = createMetrics(this.#metricSources())
  }

  /** What it runs on by now. */
  get configuration(): Configuration {
    return this.#configuration
  }

  /** Its routes at work. */
  get routes(): readonly ActiveRoute[] {
    return this.#routes
  }

  get #readiness(): Readiness {
    const routes = Object.fromEntries(this.#routes.map(({ name, isUp }) => [name, isUp]))
    const store = this.#store?.isReachable === true ? 'reachable' : 'unreachable'
    const hasRoom = this.#store?.journal.healthy === true
    return { ready: hasRoom && Object.values(routes).every(Boolean), routes, store }
  }

  /**
   * Opens the store, signs provider tokens, opens sessions, takes up what an earlier process left
   * in the journal, binds every port, then logs `proxy.ready`.
   * @throws {StoreError} when the data directory cannot be used, and the system's error when an
   * address cannot be bound; nothing stays open then
   */
  async start(): Promise<ProxyAddresses> {
    try {
      const store = await this.#openStore()
      this.#store = store
      const keeper = await this.#count()
      const listeners = await this.#open(store, keeper)
      const { address, port } = (await this.#openAdmin()).address
      const addresses = { listeners, admin: { host: address, port } }
      logReady(this.#deps.log, addresses, this.#configuration)
      return addresses
    } catch (error) {
      await this.destroy()
      throw error
    }
  }

  /**
   * Goes by another configuration from now on; nobody is disconnected. Sessions of a credential
   * that is not used any more finish what they have, and so do routes that are gone. Addresses,
   * store and data directory stay as they were; see `reasonsForRestart`.
   */
  async reload(configuration: Configuration): Promise<void> {
    const store = this.#store
    const keeper = this.#census
    if (store === undefined || keeper === undefined) return
    const gone = await this.#takeUp(configuration, store, keeper)
    this.#configuration = configuration
    this.#admin?.renew(configuration.admin)
    for (const [index, listener] of configuration.listeners.entries())
      this.#listeners[index]?.renew(this.#optionsOf(listener))
    const latestAtMs = this.#deps.clock.now() + (configuration.limits.drainSeconds * 1000) / 2
    for (const route of gone) void this.#dismiss(route, latestAtMs)
  }

  /**
   * Accepts no more, settles what was received, closes.
   * @returns false when `drainSeconds` passed before all was settled
   */
  async stop(): Promise<boolean> {
    const { log } = this.#deps
    const connections = this.#routes.reduce((sum, route) => sum + route.connections, 0)
    logStopping(log, connections, this.#owned)
    const withinMs = this.#configuration.limits.drainSeconds * 1000
    const closed = this.#listeners.map((listener) => listener.close())
    const handshakeMs = Math.min(lateHandshakeMs, withinMs)
    await Promise.all(this.#listeners.map((listener) => listener.finishHandshakes(handshakeMs)))
    const drained = await this.#drain(withinMs)
    for (const listener of this.#listeners) listener.destroyConnections()
    await Promise.all(closed)
    if (drained) await Promise.all(this.#routes.map(({ pool }) => pool.drain()))
    const owned = this.#owned
    await this.destroy()
    logStopped(log, drained, owned)
    return drained
  }

  /** Stops now; what is not settled is lost with the process. */
  async destroy(): Promise<void> {
    for (const { pool } of [...this.#routes, ...this.#leaving]) pool.destroy()
    this.#keyRing.keep([])
    for (const listener of this.#listeners) listener.destroyConnections()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    this.#history?.stop()
    await this.#admin?.close()
    await this.#census?.close()
    await this.#store?.close()
  }

  /** Redis may be away for a while, and whoever asks is to be told. */
  async #openStore(): Promise<Store> {
    const { clock, log } = this.#deps
    const { store, dataDirectory, journal } = this.#configuration
    if (store.kind === 'lmdb')
      return openLmdbStore(dataDirectory, { clock, observer: observeStore(log) })
    await this.#openAdmin()
    const { openRedisStore } = await import('../store/redis-store.ts')
    const { maxUnwritten } = journal
    return openRedisStore(store, {
      clock,
      maxUnwritten,
      observer: observeRedis(log, store.address),
    })
  }

  async #openAdmin(): Promise<AdminServer> {
    const { clock } = this.#deps
    this.#history ??= new History(() => totalsOf(this.#routes), clock)
    this.#admin ??= await AdminServer.open(this.#configuration.admin, {
      metrics: this.#metrics,
      readiness: () => this.#readiness,
      report: () => this.#report(),
      status: () => this.#status(),
      history: () => this.#history?.samples ?? [],
      clock,
    })
    return this.#admin
  }

  #report(): Report {
    const now = this.#deps.clock.now()
    return reportOf(this.#census?.facts() ?? new Census(now, undefined).facts([]), now)
  }

  /** Starts and renews routes; those that are not configured any more are returned. */
  async #takeUp(
    configuration: Configuration,
    store: Store,
    { census }: CensusKeeper,
  ): Promise<readonly ActiveRoute[]> {
    const running = new Map(this.#routes.map((route) => [route.name, route]))
    const deps: ActiveRouteDeps = {
      ...this.#deps,
      store,
      census,
      keyRing: this.#keyRing,
      rejections: this.#rejections,
    }
    const routes: ActiveRoute[] = []
    for (const route of configuration.routes) {
      const active = running.get(route.name)
      running.delete(route.name)
      await active?.renew(route, configuration)
      routes.push(active ?? (await ActiveRoute.start(route, configuration, deps)))
      // As they come, so that what fails later finds those to be stopped.
      this.#routes = [...routes, ...running.values()]
    }
    this.#routes = routes
    this.#registry = new SenderRegistry(routes)
    const signing = configuration.routes.flatMap(({ credential }) =>
      credential.kind === 'signing-key' ? [credential] : [],
    )
    this.#keyRing.keep(signing)
    return [...running.values()]
  }

  async #dismiss(route: ActiveRoute, latestAtMs: number): Promise<void> {
    this.#leaving.add(route)
    await Promise.all([...route.open.keys()].map((sender) => sender.stop(latestAtMs)))
    await route.relay.idle()
    await route.pool.drain()
    this.#leaving.delete(route)
  }

  async #count(): Promise<CensusKeeper> {
    this.#census = await CensusKeeper.open(this.#configuration.dataDirectory, {
      routes: () => this.#routes.map(({ facts }) => facts),
      clock: this.#deps.clock,
      observer: observeCensus(this.#deps.log),
    })
    return this.#census
  }

  async #open(store: Store, keeper: CensusKeeper): Promise<readonly ListenerAddress[]> {
    this.#store = store
    await this.#takeUp(this.#configuration, store, keeper)
    this.#recover(store)
    for (const listener of this.#configuration.listeners)
      this.#listeners.push(await this.#listen(listener, keeper.census))
    return this.#listeners.map(({ kind, address }) => ({
      kind,
      host: address.address,
      port: address.port,
    }))
  }

  #recover({ journal }: Store): void {
    let count = 0
    for (const record of journal.recover()) if (this.#takeOver(record)) count++
    if (count > 0) this.#deps.log.info({ event: 'journal.recovered', notifications: count })
    journal.claimed((record) => {
      this.#takeOver(record)
    })
  }

  /** What belongs to a route that is no longer configured stays where it is. */
  #takeOver({ route, record, settled }: RecoveredRecord): boolean {
    const active = this.#routes.find(({ name }) => name === route)
    active?.relay.recover(record, settled)
    return active !== undefined
  }

  /** Senders that never pause are stopped after half of the time, so that answers have the rest. */
  async #drain(withinMs: number): Promise<boolean> {
    const { clock } = this.#deps
    const routes = [...this.#routes, ...this.#leaving]
    const relays = routes.map(({ relay }) => relay)
    const senders = routes.flatMap(({ open }) => [...open.keys()])
    const stopped = Promise.all(senders.map((one) => one.stop(clock.now() + withinMs / 2)))
    const settled = stopped.then(() => Promise.all(relays.map((relay) => relay.idle())))
    await within(clock, withinMs, settled)
    return relays.every(({ owned }) => owned === 0)
  }

  #listen(listener: ListenerConfiguration, census: Census): Promise<Listener> {
    const { clock, log } = this.#deps
    return Listener.open<ActiveRoute>(this.#optionsOf(listener), {
      registry: () => this.#registry,
      welcome: (socket, route, certificate, address) => {
        const sender = census.sender(route.name, certificate, clock.now())
        if (listener.kind === 'feedback') this.#serveFeedback(socket, address, route, sender)
        else this.#welcome(socket, address, route, certificate, sender)
      },
      clock,
      observer: countStrangers(census, clock, observeListener(log)),
      inherited: this.#deps.inherited?.get(listener.socket),
    })
  }

  #optionsOf(listener: ListenerConfiguration): ListenerOptions {
    const { tls, limits } = this.#configuration
    const { certificatePem, keyPem } = tls
    const balancers = listener.balancers && networkList(listener.balancers)
    return { ...listener, certificatePem, keyPem, ...limits, balancers }
  }

  #serveFeedback(
    socket: TLSSocket,
    address: string,
    route: ActiveRoute,
    sender: SenderFacts,
  ): void {
    const { name, log } = route
    const { clock, recorder } = this.#deps
    countFeedbackRead(sender, address, clock.now())
    route.feedbackReadAtMs = clock.now()
    recorder?.record(socket, { kind: 'feedback', route: name, address })
    const store = this.#store?.feedback
    if (store === undefined) socket.destroy()
    else serveFeedback(socket, name, { store, clock, observer: observeFeedback(log) })
  }

  #welcome(
    socket: TLSSocket,
    address: string,
    route: ActiveRoute,
    certificate: SenderCertificate,
    facts: SenderFacts,
  ): void {
    const { clock, recorder } = this.#deps
    countConnection(facts, address, socket.getProtocol())
    const id = ++this.#connections
    recorder?.record(socket, { kind: 'gateway', route: route.name, address, connection: id })
    const { log } = route
    if (route.relay.downReason !== undefined) {
      log.warn(
        { event: 'connection.refused', connection: id, reason: route.relay.downReason },
        'the route is down',
      )
      turnAway(socket, this.#configuration.limits.handshakeTimeoutMs, clock)
      return
    }
    this.#makeRoom()
    const peer = { address, tlsVersion: socket.getProtocol() ?? 'unknown' }
    log.info({
      event: 'connection.opened',
      connection: id,
      address: peer.address,
      protocol: peer.tlsVersion,
      subject: certificate.subject,
    })
    if (certificate.notAfter.getTime() < clock.now())
      log.warn({
        event: 'sender.certificate-expired',
        connection: id,
        notAfter: certificate.notAfter,
      })
    const { errorDeadlineMs, maxPayloadBytes } = route.route
    const sender = certificate.publicKeySha256
    const logged = logConnection(log, id)
    const counted = countConnectionOf(facts)
    const connection: SenderConnection = new SenderConnection(socket, {
      connection: id,
      sender,
      relay: route.relay,
      canWrite: () => this.#store?.journal.healthy !== false,
      limits: { errorDeadlineMs, maxPayloadBytes, quietMs, quietAtMostMs },
      clock,
      emit: (event) => {
        if (event.event === 'connection.closed') route.open.delete(connection)
        counted(event)
        logged(event)
      },
    })
    route.open.set(connection, peer)
  }

  /** A sender that is deaf to its error response, or to a close, may keep its connection for ever. */
  #makeRoom(): void {
    const count = this.#routes.reduce((sum, { open }) => sum + open.size, 0)
    if (count < this.#configuration.limits.maxConnections * crowded) return
    const senders = this.#routes.flatMap(({ open }) => [...open.keys()])
    const deaf = senders.filter(({ isHalfClosed }) => isHalfClosed)
    const [longestIdle] = deaf.sort((one, other) => other.idleMs - one.idleMs)
    if (longestIdle === undefined || longestIdle.idleMs < deafMs) return
    const { id: connection, idleMs } = longestIdle
    this.#deps.log.warn(
      { event: 'connection.evicted', connection, idleMs },
      'it does not read what it was told, and others need its place',
    )
    longestIdle.destroy()
  }

  #metricSources(): MetricSources {
    return {
      version,
      routes: () => this.#routes,
      listeners: () => this.#listeners,
      certificates: () => certificatesOf(this.#configuration, this.#deps.clock.now()),
      store: () => ({
        entries: this.#store?.journal.unsettled ?? 0,
        healthy: this.#store?.isReachable ?? false,
        bytes: this.#store?.bytes,
      }),
    }
  }

  get #storeState(): StoreState {
    if (this.#store === undefined) return 'awaited'
    if (this.#store.isReachable) return 'written'
    return this.#store.journal.healthy ? 'unwritten' : 'full'
  }

  get #owned(): number {
    return this.#routes.reduce((sum, { owned }) => sum + owned, 0)
  }

  #status(): Status {
    const { tls } = this.#configuration
    return statusOf({
      atMs: this.#deps.clock.now(),
      startedAtMs: this.#startedAtMs,
      now: this.#history?.latest,
      gatewayCertificateNotAfterMs: tls.certificate.notAfter.getTime(),
      store: this.#storeState,
      routes: this.#routes,
      rejections: this.#rejections.latest,
    })
  }
}

/** Says that senders can come, and where. */
function logReady(
  log: Logger,
  addresses: ProxyAddresses,
  { routes, ignored }: Pick<Configuration, 'routes' | 'ignored'>,
): void {
  if (ignored.length > 0)
    log.warn(
      { event: 'configuration.ignored', keys: ignored },
      'these keys have no effect any more and can be removed: see docs/configuration.md',
    )
  const served = routes.map(({ name, environment, topic }) => ({ name, environment, topic }))
  log.info({ event: 'proxy.ready', ...addresses, routes: served })
}

/** Says that senders are waited for, and how many; and how much is not settled. */
function logStopping(log: Logger, connections: number, owned: number): void {
  log.info({ event: 'proxy.stopping', connections, owned })
}

/** Says what was left. */
function logStopped(log: Logger, drained: boolean, owned: number): void {
  if (drained) log.info({ event: 'proxy.stopped', drained, owned })
  else
    log.warn(
      { event: 'proxy.stopped', drained, owned },
      'drainSeconds are over; what the journal holds goes out after the next start',
    )
}

/** Every certificate that the proxy shows to somebody. */
function certificatesOf({ tls, routes }: Configuration, nowMs: number): CertificateGauge[] {
  const secondsLeft = ({ certificate }: CertificateCredential): number =>
    Math.round((certificate.notAfter.getTime() - nowMs) / 1000)
  return [
    { credential: 'server-certificate', route: '', expiresInSeconds: secondsLeft(tls) },
    ...routes.flatMap(({ name: route, credential }): CertificateGauge[] =>
      credential.kind === 'certificate'
        ? [{ credential: 'push-certificate', route, expiresInSeconds: secondsLeft(credential) }]
        : [],
    ),
  ]
}
