/** A client connection of this process, as the relay and the other processes know it. */
import type { Delivery, Source, SourceOwner } from './delivery.ts'
import { Lane, type LaneTimes } from './lane.ts'
import type { Origin } from './overrun.ts'

/** Whoever reads and writes it. */
export interface ConnectionOwner extends SourceOwner {
  /** It has been admitted, or its error response agreed. */
  attend(): void
}

/** One for each connection; what it waits for, the event log brings. See `replicated-state.ts`. */
export class ConnectionState implements Origin, Source {
  readonly number: number
  readonly sender: string
  readonly lane: Lane<Delivery>
  readonly owner: ConnectionOwner
  id = ''
  order = 0
  /** What it sends may be decoded: everything that it might repeat is known. */
  isAdmitted = false
  /** Its error response is `agreed`, and may be written, when it was applied in its turn. */
  phase: 'unreported' | 'announced' | 'agreed' | 'told' | 'ended' | 'withdrawn' = 'unreported'
  /**
   * The sender has paused since the error response: what it repeats from then on is wanted. Before
   * one, since its first byte: then it is not resending after another.
   */
  hasPaused = false
  owned = 0
  ownedBytes = 0

  constructor(number: number, sender: string, times: LaneTimes, owner: ConnectionOwner) {
    this.number = number
    this.sender = sender
    this.lane = new Lane(times)
    this.owner = owner
  }
}
