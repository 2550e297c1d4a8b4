/** Sums up repeated events, so that a flood of them is a few lines in the log and not one for each. */
import type { Clock } from '../timing/clock.ts'
import { Timer } from '../timing/timer.ts'

/** What events have in common that are counted together. */
export interface Repetition {
  /** The name of the events. */
  readonly of: string
  readonly level: 'info' | 'warn'
  /** Undefined if events with this name have one cause only. */
  readonly cause: string | undefined
  /** Undefined if the events do not name their peer. */
  readonly address: string | undefined
}

/** Written once a minute, for each {@link Repetition} with more events than are logged. */
export interface RepeatedEvent extends Repetition {
  readonly event: 'events.repeated'
  /** Events of the last minute that were not logged. */
  readonly count: number
}

const minuteMs = 60_000
/** Repetitions that are counted apart in a minute. Beyond, the address is `others`. */
const mostApart = 64
const others = 'others'

/** The events of one logger. */
export class RepeatedEvents {
  readonly #emit: (event: RepeatedEvent) => void
  readonly #minute: Timer
  readonly #counts = new Map<string, { readonly about: Repetition; logged: number; more: number }>()

  constructor(clock: Clock, emit: (event: RepeatedEvent) => void) {
    this.#emit = emit
    this.#minute = new Timer(clock, minuteMs, () => this.flush())
  }

  /**
   * Counts an event.
   * @param most so many in a minute are logged
   * @returns whether it is one of them
   */
  isLogged(repetition: Repetition, most: number): boolean {
    this.#minute.start()
    const count = this.#countOf(repetition)
    if (count.logged >= most) count.more++
    else count.logged++
    return count.more === 0
  }

  /** Sums up what was not logged, and begins a new minute. */
  flush(): void {
    this.#minute.stop()
    const counts = [...this.#counts.values()]
    this.#counts.clear()
    for (const { about, more } of counts)
      if (more > 0) this.#emit({ event: 'events.repeated', ...about, count: more })
  }

  #countOf(repetition: Repetition): { logged: number; more: number } {
    const about = this.#apart(repetition)
    const key = keyOf(about)
    const count = this.#counts.get(key) ?? { about, logged: 0, more: 0 }
    this.#counts.set(key, count)
    return count
  }

  /** The causes of events with an address are few; other causes can be texts of APNs. */
  #apart(about: Repetition): Repetition {
    if (this.#counts.size < mostApart || this.#counts.has(keyOf(about))) return about
    const { address, cause } = about
    return address === undefined
      ? { ...about, cause: cause && others }
      : { ...about, address: others }
  }
}

function keyOf({ of, cause, address }: Repetition): string {
  return JSON.stringify([of, cause, address])
}
