/** Delivers alarms to one receiver in their order, retries, and bounds how many wait. */
import { backoffMs, spread } from '../timing/backoff.ts'
import type { Clock } from '../timing/clock.ts'
import { within } from '../timing/timer.ts'
import type { AlarmEvent, AlarmName, Channel } from './alarm-event.ts'
import type { AlarmMessage } from './alarm-message.ts'

/** What one attempt came to. `unavailable`: another attempt can succeed. */
export type Answer =
  | { readonly outcome: 'accepted' }
  /** The cause has the form "finding; cure", and no secret. */
  | { readonly outcome: 'unavailable' | 'refused'; readonly cause: string }

/** One attempt. It ends at once when the signal is aborted, and never throws. */
export type Attempt = (message: AlarmMessage, giveUp: AbortSignal) => Promise<Answer>

export interface AlarmQueueDeps {
  readonly channel: Channel
  readonly attempt: Attempt
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly emit: (event: AlarmEvent) => void
}

const mostWaiting = 100
const pauses = { firstMs: 5000, longestMs: 5 * 60_000 }
/** How old an alarm may become before a failed attempt is the last. */
const retryForMs = 60 * 60_000
/** For all that wait together, at a stop. */
const lastAttemptsMs = 2000

const stopped: Answer = { outcome: 'refused', cause: 'the proxy stops' }

/**
 * The alarm about a problem that has cleared meanwhile is not delivered: the one about the end tells
 * both.
 */
export class AlarmQueue {
  readonly #deps: AlarmQueueDeps
  readonly #waiting: AlarmMessage[] = []
  readonly #giveUp = new AbortController()
  #running: Promise<void> | undefined
  #isStopping = false
  /** In a row. */
  #failures = 0
  #wake: () => void = () => undefined

  constructor(deps: AlarmQueueDeps) {
    this.#deps = deps
  }

  push(message: AlarmMessage): void {
    if (this.#isStopping) return
    this.#waiting.push(message)
    const oldest = this.#waiting.length > mostWaiting ? this.#waiting.shift() : undefined
    if (oldest !== undefined) this.#abandon(oldest, `more than ${mostWaiting} alarms wait`)
    this.#running ??= this.#run()
  }

  /** Ends the pause after a failed attempt, because the settings have changed. */
  retryNow(): void {
    this.#wake()
  }

  /** Attempts once more to deliver what waits, and gives the rest up. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wake()
    const running = this.#running
    if (running === undefined) return
    await within(this.#deps.clock, lastAttemptsMs, running)
    this.#giveUp.abort()
    await running
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      await this.#deliver(next)
    this.#running = undefined
  }

  async #deliver(message: AlarmMessage): Promise<void> {
    const { clock, emit, random } = this.#deps
    while (!this.#isOutdated(message)) {
      const answer = await this.#attempt(message)
      if (answer.outcome !== 'unavailable') this.#failures = 0
      if (answer.outcome === 'accepted') {
        emit({ event: 'alarm.sent', ...this.#about(message) })
        return
      }
      const { outcome, cause } = answer
      const isOld = clock.now() - Date.parse(message.at) >= retryForMs
      if (outcome === 'refused' || isOld || this.#isStopping) {
        this.#abandon(message, cause)
        return
      }
      const retryInMs = Math.round(spread(backoffMs(pauses, ++this.#failures), random()))
      emit({ event: 'alarm.failed', ...this.#about(message), cause, retryInMs })
      await this.#pause(retryInMs)
    }
  }

  /** Whether the end of the same problem waits to be told. */
  #isOutdated({ event, code, route }: AlarmMessage): boolean {
    return (
      event === 'problem.appeared' &&
      this.#waiting.some(
        (later) =>
          later.event === 'problem.cleared' && later.code === code && later.route === route,
      )
    )
  }

  async #attempt(message: AlarmMessage): Promise<Answer> {
    const { signal } = this.#giveUp
    const answer = signal.aborted ? stopped : await this.#deps.attempt(message, signal)
    return signal.aborted && answer.outcome !== 'accepted' ? stopped : answer
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(ms, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }

  #abandon(message: AlarmMessage, cause: string): void {
    this.#deps.emit({ event: 'alarm.given-up', ...this.#about(message), cause })
  }

  #about({ id, event: tells, code, route }: AlarmMessage): AlarmName {
    return { channel: this.#deps.channel, id, tells, code, ...(route !== undefined && { route }) }
  }
}
