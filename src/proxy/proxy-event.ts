/** What the proxy itself decides, besides its parts, for whoever logs it. */
import type { Route } from '../config/route.ts'

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

type ServedRoute = Pick<Route, 'name' | 'environment' | 'topic'>

/** Each name is also that of the log event. */
export type ProxyEvent =
  /** Keys that earlier versions had, and that have no effect any more. */
  | { readonly event: 'configuration.ignored'; readonly keys: readonly string[] }
  /** Every port is bound. */
  | ({ readonly event: 'proxy.ready'; readonly routes: readonly ServedRoute[] } & ProxyAddresses)
  | { readonly event: 'proxy.stopping'; readonly connections: number; readonly owned: number }
  | {
      readonly event: 'proxy.stopped'
      /** Whether all was settled before `drainSeconds` were over. */
      readonly drained: boolean
      readonly owned: number
    }
  | { readonly event: 'journal.recovered'; readonly notifications: number }
  | {
      readonly event: 'census.unreadable' | 'census.failed'
      readonly file: string
      readonly error: unknown
    }

/** About a connection that a sender opens. Each name is also that of the log event. */
export type AdmissionEvent =
  | {
      readonly event: 'connection.opened'
      readonly address: string
      readonly protocol: string
      readonly subject: string
    }
  /** The route is down. */
  | { readonly event: 'connection.refused'; readonly reason: string }
  /** The sender is admitted: only its key counts. */
  | { readonly event: 'sender.certificate-expired'; readonly notAfter: Date }
  /** Closed to make room, because it does not read its error response. */
  | { readonly event: 'connection.evicted'; readonly idleMs: number }
