/** Which peers did not become senders, for whoever logs it, and how many. */
import type { Environment } from '../credentials/certificate.ts'
import { noFailures, type HandshakeCause } from './handshake-cause.ts'
import type { SenderCertificate } from './route-by-sender-key.ts'

/** Why a peer was not admitted. */
type Refusal = 'no-certificate' | 'unknown-certificate'

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
  /** A health check: a connection without a byte, or a load balancer's own without a certificate. */
  | { readonly event: 'connection.probed'; readonly address: string }
  /** `maxConnections` is reached. */
  | { readonly event: 'connection.dropped' }

/** Counts the events of one listener since the start. */
export class TurnedAwayCounters {
  readonly handshakeFailures: Record<HandshakeCause, number> = { ...noFailures }
  readonly refused: Record<Refusal, number> = { 'no-certificate': 0, 'unknown-certificate': 0 }
  dropped = 0

  count(event: ListenerEvent): void {
    switch (event.event) {
      case 'handshake.failed':
        this.handshakeFailures[event.cause]++
        break
      case 'sender.refused':
        this.refused[event.refusal]++
        break
      case 'connection.dropped':
        this.dropped++
        break
      case 'connection.probed':
    }
  }
}
