/** The ports for senders, one for each listener of the configuration. */
import type { Configuration, ListenerConfiguration } from '../config/configuration.ts'
import { networkList } from '../config/ip-network.ts'
import {
  Listener,
  type ListenerDeps,
  type ListenerOptions,
  type RecognisedSender,
} from '../gateway/listener.ts'
import type { ActiveRoute } from './active-route.ts'
import type { ListenerAddress } from './proxy-event.ts'

/** What listeners work with, and who accepts the connections of each kind. */
export interface ListenersDeps extends Omit<ListenerDeps<ActiveRoute>, 'accept' | 'inherited'> {
  readonly accept: Readonly<
    Record<ListenerConfiguration['kind'], (sender: RecognisedSender<ActiveRoute>) => void>
  >
  /** File descriptors of sockets that are bound already, by the `socket` of their listener. */
  readonly inherited: ReadonlyMap<string, number> | undefined
}

/** In the order of the configuration. */
export class Listeners {
  readonly #open: Listener<ActiveRoute>[] = []

  /** Those that are bound. */
  get all(): readonly Listener<ActiveRoute>[] {
    return this.#open
  }

  /** @throws the system's error when an address cannot be bound; those before it stay open then */
  async open(configuration: Configuration, deps: ListenersDeps): Promise<ListenerAddress[]> {
    for (const listener of configuration.listeners)
      this.#open.push(
        await Listener.open(optionsOf(listener, configuration), {
          ...deps,
          accept: deps.accept[listener.kind],
          inherited: deps.inherited?.get(listener.socket),
        }),
      )
    return this.#open.map(({ kind, address: { address: host, port } }) => ({ kind, host, port }))
  }

  /** Applies everything but addresses, from the next connection on. */
  reconfigure(configuration: Configuration): void {
    for (const [index, listener] of configuration.listeners.entries())
      this.#open[index]?.reconfigure(optionsOf(listener, configuration))
  }

  /** Accepts no more; resolves once the last connection has closed. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.close()))
  }

  /** Resolves once no handshake is pending; after `withinMs` the pending ones are aborted. */
  async finishHandshakes(withinMs: number): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.finishHandshakes(withinMs)))
  }

  destroyConnections(): void {
    for (const listener of this.#open) listener.destroyConnections()
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
