/** A client connection of this process, as the relay and the other processes know it. */
import type { Origin } from './overrun.ts'

/** One for each connection; what it waits for, the chronicle brings. See `agreement.ts`. */
export class Participant implements Origin {
  /** In this process, as the log has it. */
  readonly connection: number
  /** Hex SHA-256 of the sender's public key. */
  readonly sender: string
  /** Called when one of these has changed. */
  readonly attend: () => void
  id = ''
  order = 0
  /** What it sends may be decoded: everything that it might repeat is known. */
  isAdmitted = false
  /** Its error response is `agreed`, and may be written, when it was heard in its turn. */
  phase: 'unreported' | 'announced' | 'agreed' | 'told' | 'ended' | 'withdrawn' = 'unreported'

  constructor(connection: number, sender: string, attend: () => void) {
    this.connection = connection
    this.sender = sender
    this.attend = attend
  }
}
