/**
 * Builds the parts of the proxy, starts them from the inside out and stops them from the outside in:
 *
 *     sender ──TLS──▶ Listener ─▶ SenderConnection ─▶ Relay ─▶ Pool ──HTTP/2──▶ APNs
 *                                      ◀── settlement ──┘ ◀── outcome ──┘
 */
import { RecentRejections } from '../admin/recent-rejections.ts'
import { StatisticsFile } from '../statistics/statistics-file.ts'
import { refusalCounter } from '../statistics/event-counter.ts'
import type { Configuration } from '../config/configuration.ts'
import type { Logger } from '../log/log.ts'
import type { Recorder } from '../recording/recorder.ts'
import { openLmdbStore } from '../store/lmdb-store.ts'
import { inPublic } from '../store/redis-address.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../timing/clock.ts'
import type { ActiveRoute } from './active-route.ts'
import { ActiveRoutes } from './active-routes.ts'
import { Administration } from './administration.ts'
import { ClientConnections } from './client-connections.ts'
import { Listeners } from './listeners.ts'
import { logEvents, type AnyEvent } from './log-event.ts'
import type { ListenerAddress, ProxyAddresses } from './proxy-event.ts'

/** The surroundings of a proxy. */
export interface ProxyDeps {
  readonly log: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Records connections, where given. */
  readonly recorder?: Recorder | undefined
  /** File descriptors of sockets that are bound already, by the `socket` of their listener. */
  readonly inherited?: ReadonlyMap<string, number> | undefined
}

/** A sender that connected before a stop is served, if its handshake ends within this time. */
const lateHandshakeMs = 1000

/** One configuration at work. */
export class Proxy {
  readonly #deps: ProxyDeps
  readonly #log: (event: AnyEvent) => void
  readonly #rejections: RecentRejections
  readonly #administration: Administration
  readonly #listeners = new Listeners()
  #configuration: Configuration
  #store: Store | undefined
  #statisticsFile: StatisticsFile | undefined
  #routes: ActiveRoutes | undefined

  constructor(configuration: Configuration, deps: ProxyDeps) {
    this.#configuration = configuration
    this.#deps = deps
    this.#log = logEvents(deps.log)
    this.#rejections = new RecentRejections(deps.clock)
    this.#administration = new Administration({
      configuration: () => this.#configuration,
      routes: () => this.routes,
      listeners: () => this.#listeners.all,
      store: () => this.#store,
      statistics: () => this.#statisticsFile?.snapshot(),
      rejections: this.#rejections,
      clock: deps.clock,
    })
  }

  /** The one applied last. */
  get configuration(): Configuration {
    return this.#configuration
  }

  get routes(): readonly ActiveRoute[] {
    return this.#routes?.active ?? []
  }

  /**
   * Opens the store, signs provider tokens, opens sessions, delivers what an earlier process left
   * in the journal, binds every port, then logs `proxy.ready`.
   * @throws {StoreError} when the data directory cannot be used, and the system's error when an
   * address cannot be bound; nothing stays open then
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
   * Applies another configuration; no sender is disconnected. Sessions whose credential is not used
   * any more finish what they have, and so do routes that are gone. Addresses, store and data
   * directory stay as they were; see `reasonsForRestart`.
   */
  async reload(configuration: Configuration): Promise<void> {
    const routes = this.#routes
    if (routes === undefined) return
    const gone = await routes.apply(configuration)
    this.#configuration = configuration
    this.#administration.reconfigure(configuration)
    this.#listeners.reconfigure(configuration)
    const latestAtMs = this.#deps.clock.now() + (configuration.limits.drainSeconds * 1000) / 2
    for (const route of gone) void routes.remove(route, latestAtMs)
  }

  /**
   * Accepts no more, settles what was received, closes.
   * @returns false when `drainSeconds` passed before all was settled
   */
  async stop(): Promise<boolean> {
    const connections = this.routes.reduce((sum, route) => sum + route.connections, 0)
    this.#log({ event: 'proxy.stopping', connections, owned: this.#owned })
    const withinMs = this.#configuration.limits.drainSeconds * 1000
    const closed = this.#listeners.close()
    await this.#listeners.finishHandshakes(Math.min(lateHandshakeMs, withinMs))
    const drained = (await this.#routes?.settle(withinMs)) ?? true
    this.#listeners.destroyConnections()
    await closed
    if (drained) await this.#routes?.drainSessions()
    const owned = this.#owned
    await this.destroy()
    this.#log({ event: 'proxy.stopped', drained, owned })
    return drained
  }

  /** Stops now; what is not settled is lost with the process. */
  async destroy(): Promise<void> {
    this.#routes?.destroy()
    this.#listeners.destroyConnections()
    await this.#listeners.close()
    await this.#administration.close()
    await this.#statisticsFile?.close()
    await this.#store?.close()
  }

  get #owned(): number {
    return this.routes.reduce((sum, { owned }) => sum + owned, 0)
  }

  /** If Redis is unreachable the start waits, and the administrator has to see why. */
  async #openStore(): Promise<Store> {
    const { clock, log } = this.#deps
    const { store, dataDirectory, journal } = this.#configuration
    if (store.kind === 'lmdb') return openLmdbStore(dataDirectory, { clock, emit: this.#log })
    await this.#administration.open()
    const { openRedisStore } = await import('../store/redis-store.ts')
    return openRedisStore(store, {
      clock,
      maxUnwritten: journal.maxUnwritten,
      emit: logEvents(log, { redis: inPublic(store.address) }),
    })
  }

  #openStatisticsFile(): Promise<StatisticsFile> {
    const log = this.#log
    return StatisticsFile.open(this.#configuration.dataDirectory, {
      routes: () => this.routes.map(({ routeRecord }) => routeRecord),
      clock: this.#deps.clock,
      observer: {
        unreadable(file, error) {
          log({ event: 'census.unreadable', file, error })
        },
        writeFailed(file, error) {
          log({ event: 'census.failed', file, error })
        },
      },
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
    const clients = new ClientConnections({
      ...this.#deps,
      routes: () => routes.active,
      limits: () => this.#configuration.limits,
      store,
      statistics,
      recorder,
    })
    const count = refusalCounter(statistics, clock)
    return this.#listeners.open(this.#configuration, {
      registry: () => routes.registry,
      accept: {
        gateway: clients.accept.bind(clients),
        feedback: clients.acceptFeedbackReader.bind(clients),
      },
      clock,
      emit: (event) => {
        count(event)
        this.#log(event)
      },
      inherited,
    })
  }

  #recover({ journal }: Store, routes: ActiveRoutes): void {
    let notifications = 0
    for (const record of journal.recover()) if (routes.recover(record)) notifications++
    if (notifications > 0) this.#log({ event: 'journal.recovered', notifications })
    journal.claimed((record) => {
      routes.recover(record)
    })
  }

  #reportReady(addresses: ProxyAddresses): void {
    const { ignored, routes } = this.#configuration
    if (ignored.length > 0) this.#log({ event: 'configuration.ignored', keys: ignored })
    const served = routes.map(({ name, environment, topic }) => ({ name, environment, topic }))
    this.#log({ event: 'proxy.ready', ...addresses, routes: served })
  }
}
