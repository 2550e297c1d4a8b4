/** The events of the proxy itself, for the log. */
import type { Route } from '../config/route.ts'

/** An address that senders connect to. */
export interface ListenerAddress {
  readonly kind: string
  readonly host: string
  readonly port: number
}

/** The bound addresses of a running proxy. */
export interface ProxyAddresses {
  readonly listeners: readonly ListenerAddress[]
  readonly admin: { readonly host: string; readonly port: number }
}

interface ServedRoute extends Pick<Route, 'name' | 'environment' | 'topic'> {
  /** The proxy on the way to the provider API, without its password, and where it is set. */
  readonly through: string | undefined
}

/** Each name is also the name of the log event. */
export type LifecycleEvent =
  /** Keys of earlier versions, which have no effect any more. */
  | { readonly event: 'configuration.ignored'; readonly keys: readonly string[] }
  /** Every port is bound. */
  | ({ readonly event: 'proxy.ready'; readonly routes: readonly ServedRoute[] } & ProxyAddresses)
  | { readonly event: 'proxy.stopping'; readonly connections: number; readonly owned: number }
  | {
      readonly event: 'proxy.stopped'
      /** Whether all deliveries were settled within `drainSeconds`. */
      readonly drained: boolean
      readonly owned: number
    }
  | { readonly event: 'journal.recovered'; readonly notifications: number }
  | {
      readonly event: 'census.unreadable' | 'census.failed'
      readonly file: string
      readonly error: unknown
    }

/** About a new connection of a sender. Each name is also the name of the log event. */
export type AdmissionEvent =
  | {
      readonly event: 'connection.opened'
      readonly address: string
      readonly protocol: string
      readonly subject: string
    }
  /** The route is down. */
  | { readonly event: 'connection.refused'; readonly reason: string }
  /** The proxy admits the sender anyway: it checks only the key. */
  | { readonly event: 'sender.certificate-expired'; readonly notAfter: Date }
  /** Closed to make room, because the sender does not read its error response. */
  | { readonly event: 'connection.evicted'; readonly idleMs: number }
