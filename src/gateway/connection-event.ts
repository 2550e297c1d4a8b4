/** What is decided about a sender's connection, for whoever logs or counts it. */
import type { Received } from '../binary/decoder.ts'
import type { BinaryProtocolError } from '../binary/notification.ts'
import type { Delivery } from '../relay/delivery.ts'

/** Each name is also that of the log event, where there is one. */
export type ConnectionEvent =
  /** One read brought these, and each became a delivery; not logged. */
  | {
      readonly event: 'notifications.received'
      readonly received: readonly Received[]
      readonly deliveries: readonly Delivery[]
    }
  | {
      readonly event: 'error-response.sent'
      readonly statusCode: number
      readonly identifier: number
    }
  /** The sender broke the protocol. */
  | { readonly event: 'connection.unreadable'; readonly error: BinaryProtocolError }
  /** A mistake of our own; only this connection suffers. */
  | { readonly event: 'bug'; readonly error: unknown }
  | {
      readonly event: 'connection.closed'
      readonly received: number
      /** Whether an error response was sent. */
      readonly reported: boolean
    }
