/** Counts the peers that did not become senders, since the start. */
import type { HandshakeCause } from './handshake-cause.ts'
import type { ListenerEvent, Refusal } from './listener-event.ts'

/** Of one listener. */
export class TurnedAwayCounters {
  readonly handshakeFailures: Record<HandshakeCause, number> = {
    timeout: 0,
    reset: 0,
    'not-tls': 0,
    'plain-http': 0,
    'tls-version': 0,
    cipher: 0,
    untrusted: 0,
    'proxy-header': 0,
    other: 0,
  }
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
    }
  }
}
