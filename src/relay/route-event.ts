/** What is decided about a route and its notifications, for whoever logs or counts it. */
import type { Delivery } from './delivery.ts'

/** What may be said of a notification outside. */
export interface DeliveryRecord {
  /** Hex SHA-256 of its public key; undefined as {@link connection} is. */
  readonly sender: string | undefined
  /** Undefined for one that an earlier process left in the journal. */
  readonly connection: number | undefined
  readonly identifier: number | undefined
  /** Undefined where no request was made of it. */
  readonly apnsId: string | undefined
  /** Lower-case hexadecimal; never to be logged as it is. */
  readonly token: string | undefined
}

interface About<Name extends string> {
  readonly event: Name
  readonly record: DeliveryRecord
}

interface Rejected<Name extends string> extends About<Name> {
  readonly reason: string
  readonly statusCode: number
}

/** Each name is also that of the log event, where there is one. */
export type RouteEvent =
  | Rejected<'notification.rejected'>
  /** A rejection that would have been reported again and again. */
  | Rejected<'notification.silenced'>
  /** The sender was told of a rejection; a resend of a rejected one counts again. */
  | Rejected<'rejection.told'>
  /** The sender was not told, and no resend is awaited any more. */
  | Rejected<'rejection.untold'>
  /** A second copy was recognised, and takes the outcome of the first. */
  | About<'notification.resent'>
  | (About<'notification.unregistered'> & {
      readonly reason: string
      /** UNIX seconds; undefined where APNs gave none. */
      readonly timestamp: number | undefined
    })
  /** Given up undelivered. */
  | About<'notification.expired'>
  /** APNs refuses the route's credential. */
  | { readonly event: 'route.down'; readonly reason: string }
  /** APNs rejects every token: the set-up of the route is suspected, and no sender is told. */
  | { readonly event: 'route.suspected'; readonly reason: string }
  /** APNs has accepted a notification for the first time with this credential, topic and environment. */
  | { readonly event: 'route.proven' }
  /** An operator says that the set-up is right: what was held back is told. */
  | { readonly event: 'route.overruled' }
  /** A program between the proxy and APNs answers in place of APNs. At most once a minute. */
  | { readonly event: 'answer.foreign'; readonly reason: string }
  /** The route works again. */
  | { readonly event: 'route.up' }

/** Each step of every notification: only for a log at level debug. */
export type RouteTrace =
  /** It has an apns-id, under which the other events name it. */
  | About<'notification.accepted'>
  | About<'notification.delivered'>
  | (About<'notification.recognised'> & { readonly repeats: string })
  | (About<'notification.retried'> & { readonly reason: string; readonly pauseMs: number })

/** What of a delivery may leave the relay. */
export function recordOf({ source, identifier, request, original }: Delivery): DeliveryRecord {
  return {
    sender: source?.sender,
    connection: source?.number,
    identifier: source && identifier,
    apnsId: original?.ref ?? (request.apnsId || undefined),
    token: request.token || undefined,
  }
}
