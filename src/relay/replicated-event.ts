/** What the processes of a route tell each other, as plain JSON: no payload is ever in it. */
import type { Ending } from './delivery.ts'

/** A notification that stands behind a named one. */
export interface RememberedItem {
  /** See `Delivery.key`. */
  readonly key: string
  /** apns-id of its first copy. */
  readonly ref: string
  /** How that ended; undefined while it has not. */
  readonly ending: Ending | undefined
}

/** An error response that is going to be sent. `id` is everywhere that of the connection. */
export interface Reporting {
  readonly kind: 'reporting'
  readonly id: string
  readonly sender: string
  readonly statusCode: number
  /** Key of the named one. */
  readonly named: string | undefined
  readonly inFront: readonly string[]
  readonly behind: readonly RememberedItem[]
  readonly ambiguous: boolean
  /** By which the loop breaker counts it. */
  readonly loop: string
}

/** What one read brought while there is something to compare it with. */
export interface Arrived {
  readonly kind: 'arrived'
  readonly id: string
  readonly sender: string
  readonly order: number
  /** See `Origin.hasPaused`. */
  readonly hasPaused: boolean
  /** By which the process that appended it knows it again. */
  readonly batch: string
  readonly keys: readonly string[]
  /** apns-ids of the same, where they are to be remembered. */
  readonly refs: readonly string[] | undefined
}

/** One thing that all processes of a route apply. */
export type ReplicatedEvent =
  | { readonly kind: 'opened'; readonly id: string }
  | Reporting
  | Arrived
  /** Behind an error response as well: it was not known yet what they repeat. */
  | { readonly kind: 'behind'; readonly id: string; readonly items: readonly RememberedItem[] }
  /** The sender's EOF came before the error response. */
  | { readonly kind: 'withdrawn'; readonly id: string; readonly loop: string }
  /** The sender's EOF after an error response. */
  | { readonly kind: 'ended'; readonly id: string }
  | { readonly kind: 'ending'; readonly ref: string; readonly ending: Ending }
  | { readonly kind: 'bad'; readonly token: string; readonly reason: string }
  /** APNs rejected a token of an unproven route. The place in the log decides whether its sender is told. */
  | {
      readonly kind: 'doubted'
      /** See `RouteProof.setup`. */
      readonly setup: string
      readonly name: string
      readonly token: string
      readonly reason: string
    }
  /** APNs accepted a notification of an unproven route, or the operator says that it is right. */
  | { readonly kind: 'proven'; readonly setup: string }
  /** Time has passed, and something is to be forgotten. */
  | { readonly kind: 'elapsed' }
  /** No token is bad: the answers were not to be believed. */
  | { readonly kind: 'good' }

/** An event at its place in the log. */
export interface LoggedEvent {
  readonly event: ReplicatedEvent
  /** Rises with every event of the route, and is the same in all processes. */
  readonly position: number
  /** When the event was appended: ms since the epoch, by this process's clock. */
  readonly atMs: number
}

/** Gives all processes the same events of the route in the same order. */
export interface RelayEventLog {
  /** Whether other processes apply the events too. */
  readonly isShared: boolean
  /** @returns ends it */
  listen(apply: (event: LoggedEvent) => void): () => void
  append(event: ReplicatedEvent): void
}
