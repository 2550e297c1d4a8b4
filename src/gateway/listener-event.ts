/** Which peers did not become senders, for whoever logs or counts it. */
import type { Environment } from '../credentials/certificate.ts'
import type { HandshakeCause } from './handshake-cause.ts'
import type { SenderCertificate } from './route-by-sender-key.ts'

/** Why a peer was not admitted. */
export type Refusal = 'no-certificate' | 'unknown-certificate'

/** Each name is also that of the log event. */
export type ListenerEvent =
  | {
      readonly event: 'sender.refused'
      readonly address: string
      readonly refusal: Refusal
      readonly certificate: SenderCertificate | undefined
      /** That of the listener, where it has one. */
      readonly environment: Environment | undefined
    }
  | {
      readonly event: 'handshake.failed'
      readonly address: string
      readonly cause: HandshakeCause
      readonly error: Error
      /** The highest TLS version that the peer offered, where its ClientHello was read. */
      readonly offered: string | undefined
    }
  /** `maxConnections` is reached. */
  | { readonly event: 'connection.dropped' }
