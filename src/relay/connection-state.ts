/** A client connection of this process, as the relay sees it. */
import type { Delivery, DeliveryTally, Source, SourceOwner } from './delivery.ts'
import { Lane, type LaneTimes } from './lane.ts'
import type { Origin } from './remembered-error-response.ts'

/** Reads and writes the connection. */
export interface ConnectionOwner extends SourceOwner {
  /** The connection was admitted, or its error response may be written. */
  attend(): void
}

/** One for each connection. The event log changes what it waits for: see `replicated-state.ts`. */
export class ConnectionState implements Origin, Source {
  readonly number: number
  readonly sender: string
  readonly lane: Lane<Delivery>
  readonly owner: ConnectionOwner
  readonly tally: DeliveryTally
  id = ''
  order = 0
  /** Its bytes may be decoded: this process knows every notification that it might resend. */
  isAdmitted = false
  /** `agreed` once the event log has applied the error response, which may be written then. */
  phase: 'unreported' | 'announced' | 'agreed' | 'told' | 'ended' | 'withdrawn' = 'unreported'
  /** See {@link Origin.hasPaused}. */
  hasPaused = false
  owned = 0
  ownedBytes = 0

  constructor(
    number: number,
    sender: string,
    times: LaneTimes,
    owner: ConnectionOwner,
    tally: DeliveryTally = { delivered: 0 },
  ) {
    this.number = number
    this.sender = sender
    this.lane = new Lane(times)
    this.owner = owner
    this.tally = tally
  }
}
