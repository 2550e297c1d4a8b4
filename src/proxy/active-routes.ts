/** All running routes: starts, reconfigures, drains and removes them as configured. */
import { KeyRing } from '../apns/provider-token.ts'
import type { Configuration } from '../config/configuration.ts'
import { RouteBySenderKey } from '../gateway/route-by-sender-key.ts'
import type { RecoveredRecord } from '../store/store.ts'
import { within } from '../timing/timer.ts'
import { ActiveRoute, type ActiveRouteDeps } from './active-route.ts'

/** In the order of the configuration. */
export class ActiveRoutes {
  readonly #deps: Omit<ActiveRouteDeps, 'keyRing'>
  readonly #keyRing: KeyRing
  #active: readonly ActiveRoute[] = []
  /** Routes that are no longer configured, but own unsettled deliveries. */
  readonly #draining = new Set<ActiveRoute>()
  #registry = new RouteBySenderKey<ActiveRoute>([])

  constructor(deps: Omit<ActiveRouteDeps, 'keyRing'>) {
    const { clock, store } = deps
    this.#deps = deps
    this.#keyRing = new KeyRing(clock, {
      agree: (name, own, sinceMs) =>
        store.tokens?.agree(name, own, sinceMs) ?? Promise.resolve(own),
    })
  }

  /** The configured routes. */
  get active(): readonly ActiveRoute[] {
    return this.#active
  }

  /** The admitted senders, and the route of each. */
  get registry(): RouteBySenderKey<ActiveRoute> {
    return this.#registry
  }

  /** Starts and reconfigures routes. Returns the routes that are no longer configured. */
  async apply(configuration: Configuration): Promise<readonly ActiveRoute[]> {
    const running = new Map(this.#active.map((route) => [route.name, route]))
    const deps = { ...this.#deps, keyRing: this.#keyRing }
    const applied: ActiveRoute[] = []
    for (const route of configuration.routes) {
      const active = running.get(route.name)
      running.delete(route.name)
      await active?.reconfigure(route, configuration)
      applied.push(active ?? (await ActiveRoute.start(route, configuration, deps)))
      // After each route: if a later route fails, `destroy` must find the started ones.
      this.#active = [...applied, ...running.values()]
    }
    this.#active = applied
    this.#registry = new RouteBySenderKey(applied)
    this.#keyRing.keep(
      configuration.routes.flatMap(({ credential }) =>
        credential.kind === 'signing-key' ? [credential] : [],
      ),
    )
    return [...running.values()]
  }

  /** Drains a route that is no longer configured. */
  async remove(route: ActiveRoute, latestAtMs: number): Promise<void> {
    this.#draining.add(route)
    await route.drain(latestAtMs)
    this.#draining.delete(route)
  }

  /**
   * Delivers a notification that another process left in the journal.
   * @returns false if its route is not configured; then the journal keeps the notification
   */
  recover({ route, record, settled }: RecoveredRecord): boolean {
    const active = this.#active.find(({ name }) => name === route)
    active?.relay.recover(record, settled)
    return active !== undefined
  }

  /**
   * Stops all connections, and waits until all deliveries are settled. Interrupts senders that do not
   * pause after half of the time, so that the other half is left for answers.
   * @returns whether all deliveries are settled
   */
  async settle(withinMs: number): Promise<boolean> {
    const { clock } = this.#deps
    const routes = [...this.#active, ...this.#draining]
    const latestAtMs = clock.now() + withinMs / 2
    const stopped = Promise.all(routes.map((route) => route.stopClients(latestAtMs)))
    const settled = stopped.then(() => Promise.all(routes.map(({ relay }) => relay.idle())))
    await within(clock, withinMs, settled)
    return routes.every(({ relay }) => relay.owned === 0)
  }

  /** Closes each session when its requests are answered. */
  async drainSessions(): Promise<void> {
    await Promise.all(this.#active.map(({ pool }) => pool.drain()))
  }

  destroy(): void {
    for (const { pool, repeated } of [...this.#active, ...this.#draining]) {
      pool.destroy()
      repeated.flush()
    }
    this.#keyRing.keep([])
  }
}
