/**
 * Creates the parts of the proxy, starts the inner ones first, and stops the outer ones first:
 *
 *     sender ──TLS──▶ Listener ─▶ SenderConnection ─▶ Relay ─▶ Pool ──HTTP/2──▶ APNs
 *                                      ◀── settlement ──┘ ◀── outcome ──┘
 */
import { Alarms } from '../alarms/alarms.ts'
import { RecentRejections } from '../admin/recent-rejections.ts'
import { refusalCounter } from '../statistics/event-counter.ts'
import { StatisticsFile } from '../statistics/statistics-file.ts'
import type { Configuration, ListenerConfiguration } from '../config/configuration.ts'
import { networkList } from '../config/ip-network.ts'
import { Listener, type ListenerOptions } from '../gateway/listener.ts'
import type { ListenerEvent } from '../gateway/listener-event.ts'
import type { Logger } from '../log/log.ts'
import type { Recorder } from '../recording/recorder.ts'
import { openLmdbStore } from '../store/lmdb-store.ts'
import { inPublic } from '../store/redis-address.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../timing/clock.ts'
import type { ActiveRoute } from './active-route.ts'
import { ActiveRoutes } from './active-routes.ts'
import { Administration } from './administration.ts'
import { SenderAdmission } from './sender-admission.ts'
import { logEvents, type AnyEvent } from './log-event.ts'
import { operatorActions, type ProcessControl } from './operator-action.ts'
import { RepeatedEvents } from './repeated-events.ts'
import type { ListenerAddress, ProxyAddresses } from './lifecycle-event.ts'
import { version } from './version.ts'

export interface ProxyDeps {
  readonly log: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly recorder?: Recorder | undefined
  /** File descriptors of sockets that systemd has bound, by the `socket` of their listener. */
  readonly inherited?: ReadonlyMap<string, number> | undefined
  /** What an operator can order on the admin port; absent in a rehearsal. */
  readonly control?: ProcessControl | undefined
}

/** At a stop, the proxy waits so long for handshakes that have begun. */
const lateHandshakeMs = 1000

/** A proxy with one configuration. */
export class Proxy {
  readonly #deps: ProxyDeps
  readonly #log: (event: AnyEvent) => void
  readonly #repeated: RepeatedEvents
  readonly #rejections: RecentRejections
  readonly #alarms: Alarms
  readonly #administration: Administration
  /** In the order of the configuration. */
  readonly #listeners: Listener<ActiveRoute>[] = []
  #tellSettled: (owned: number) => void = () => undefined
  readonly #settled = new Promise<number>((resolve) => {
    this.#tellSettled = resolve
  })
  #configuration: Configuration
  #store: Store | undefined
  #statisticsFile: StatisticsFile | undefined
  #routes: ActiveRoutes | undefined

  constructor(configuration: Configuration, deps: ProxyDeps) {
    this.#configuration = configuration
    this.#deps = deps
    this.#repeated = new RepeatedEvents(deps.clock, logEvents(deps.log))
    this.#log = logEvents(deps.log, {}, this.#repeated)
    this.#rejections = new RecentRejections(deps.clock)
    this.#alarms = new Alarms(configuration.alarms, { ...deps, version, emit: this.#log })
    this.#administration = new Administration({
      configuration: () => this.#configuration,
      routes: () => this.routes.map(({ shown }) => shown),
      listeners: () => this.#listeners,
      store: () => this.#store,
      statistics: () => this.#statisticsFile?.snapshot(),
      rejections: this.#rejections,
      actions: operatorActions({
        routes: () => this.routes,
        control: deps.control,
        settled: this.#settled,
      }),
      alarms: this.#alarms,
      clock: deps.clock,
      onChange: (change) => {
        this.#log(change)
        this.#alarms.report(change)
      },
    })
  }

  /** The configuration that was applied last. */
  get configuration(): Configuration {
    return this.#configuration
  }

  get routes(): readonly ActiveRoute[] {
    return this.#routes?.active ?? []
  }

  /**
   * Opens the store, signs provider tokens, opens sessions, sends the notifications that an earlier
   * process left in the journal, binds every port, then logs `proxy.ready`.
   * @throws {StoreError} if the data directory cannot be used, and the system's error if an address
   * cannot be bound; then nothing stays open
   */
  async start(): Promise<ProxyAddresses> {
    try {
      this.#store = await this.#openStore()
      this.#statisticsFile = await this.#openStatisticsFile()
      const listeners = await this.#serve(this.#store, this.#statisticsFile)
      const addresses = { listeners, admin: await this.#administration.open() }
      this.#reportReady(addresses)
      return addresses
    } catch (error) {
      await this.destroy()
      throw error
    }
  }

  /**
   * Applies another configuration without disconnecting a sender. Sessions with an old credential and
   * removed routes finish their deliveries. Addresses, store and data directory do not change; see
   * `reasonsForRestart`.
   */
  async reload(configuration: Configuration): Promise<void> {
    const routes = this.#routes
    if (routes === undefined) return
    const gone = await routes.apply(configuration)
    this.#configuration = configuration
    this.#administration.reconfigure(configuration)
    this.#alarms.reconfigure(configuration.alarms)
    for (const [index, listener] of configuration.listeners.entries())
      this.#listeners[index]?.reconfigure(optionsOf(listener, configuration))
    const latestAtMs = this.#deps.clock.now() + (configuration.limits.drainSeconds * 1000) / 2
    for (const route of gone) void routes.remove(route, latestAtMs)
  }

  /**
   * Accepts no more connections, settles all deliveries, and closes.
   * @returns false if some deliveries were not settled within `drainSeconds`
   */
  async stop(): Promise<boolean> {
    const connections = this.routes.reduce((sum, { clients }) => sum + clients.size, 0)
    this.#log({ event: 'proxy.stopping', connections, owned: this.#owned })
    const withinMs = this.#configuration.limits.drainSeconds * 1000
    const closed = this.#closeListeners()
    const lateMs = Math.min(lateHandshakeMs, withinMs)
    await Promise.all(this.#listeners.map((listener) => listener.finishHandshakes(lateMs)))
    const drained = (await this.#routes?.settle(withinMs)) ?? true
    for (const listener of this.#listeners) listener.destroyConnections()
    await closed
    if (drained) await this.#routes?.drainSessions()
    const owned = this.#owned
    this.#tellSettled(owned)
    await this.destroy()
    this.#log({ event: 'proxy.stopped', drained, owned })
    return drained
  }

  /** Stops at once. Unsettled deliveries stay in the journal. */
  async destroy(): Promise<void> {
    this.#routes?.destroy()
    for (const listener of this.#listeners) listener.destroyConnections()
    await this.#closeListeners()
    this.#repeated.flush()
    await this.#administration.close()
    await this.#alarms.stop()
    await this.#statisticsFile?.close()
    await this.#store?.close()
  }

  /** Accepts no more connections. Resolves when the last connection has closed. */
  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()))
  }

  get #owned(): number {
    return this.routes.reduce((sum, { relay }) => sum + relay.owned, 0)
  }

  /** If Redis is unreachable, the start waits. So the admin port, which shows why, opens first. */
  async #openStore(): Promise<Store> {
    const { clock, log } = this.#deps
    const { store, dataDirectory, journal, told } = this.#configuration
    if (store.kind === 'lmdb') return openLmdbStore(dataDirectory, { clock, told, emit: this.#log })
    await this.#administration.open()
    const { openRedisStore } = await import('../store/redis-store.ts')
    return openRedisStore(store, {
      clock,
      told,
      maxUnwritten: journal.maxUnwritten,
      emit: logEvents(log, { redis: inPublic(store.address) }),
    })
  }

  #openStatisticsFile(): Promise<StatisticsFile> {
    const log = this.#log
    return StatisticsFile.open(this.#configuration.dataDirectory, {
      routes: () => this.routes.map(({ routeRecord }) => routeRecord),
      clock: this.#deps.clock,
      onUnreadable: (file, error) => log({ event: 'census.unreadable', file, error }),
      onWriteFailed: (file, error) => log({ event: 'census.failed', file, error }),
    })
  }

  async #serve(store: Store, { statistics }: StatisticsFile): Promise<readonly ListenerAddress[]> {
    const { clock, inherited, recorder } = this.#deps
    const routes = new ActiveRoutes({
      ...this.#deps,
      store,
      statistics,
      rejections: this.#rejections,
    })
    this.#routes = routes
    await routes.apply(this.#configuration)
    this.#recover(store, routes)
    const clients = new SenderAdmission({
      ...this.#deps,
      routes: () => routes.active,
      limits: () => this.#configuration.limits,
      store,
      statistics,
      recorder,
    })
    const count = refusalCounter(statistics, clock)
    const accept = {
      gateway: clients.accept.bind(clients),
      feedback: clients.acceptFeedbackReader.bind(clients),
    }
    const emit = (event: ListenerEvent): void => {
      count(event)
      this.#log(event)
    }
    for (const listener of this.#configuration.listeners)
      this.#listeners.push(
        await Listener.open(optionsOf(listener, this.#configuration), {
          registry: () => routes.registry,
          accept: accept[listener.kind],
          clock,
          emit,
          inherited: inherited?.get(listener.socket),
        }),
      )
    return this.#listeners.map(({ kind, address: { address: host, port } }) => ({
      kind,
      host,
      port,
    }))
  }

  #recover({ journal }: Store, routes: ActiveRoutes): void {
    let notifications = 0
    for (const record of journal.recover()) if (routes.recover(record)) notifications++
    if (notifications > 0) this.#log({ event: 'journal.recovered', notifications })
    journal.claimed((record) => routes.recover(record))
  }

  #reportReady(addresses: ProxyAddresses): void {
    const { ignored, routes, providerApi } = this.#configuration
    if (ignored.length > 0) this.#log({ event: 'configuration.ignored', keys: ignored })
    const served = routes.map(({ name, environment, topic }) => ({
      name,
      environment,
      topic,
      through: providerApi.proxies[environment]?.shown,
    }))
    this.#log({ event: 'proxy.ready', ...addresses, routes: served })
  }
}

function optionsOf(
  listener: ListenerConfiguration,
  { tls, limits }: Configuration,
): ListenerOptions {
  const { certificatePem, keyPem } = tls
  const balancers = listener.balancers && networkList(listener.balancers)
  return { ...listener, certificatePem, keyPem, ...limits, balancers }
}
