/** Tells somebody outside when a problem of the proxy appears or clears. Delays nothing in the proxy. */
import type { ProblemChange } from '../admin/problem-watch.ts'
import type { Clock } from '../timing/clock.ts'
import type { AlarmEvent, Channel } from './alarm-event.ts'
import { messageAbout } from './alarm-message.ts'
import { AlarmQueue, type Answer, type Attempt } from './alarm-queue.ts'
import type { AlarmSettings } from './alarm-settings.ts'
import { run } from './command-hook.ts'
import { post } from './webhook.ts'

export interface AlarmsDeps {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Of the proxy. */
  readonly version: string
  readonly emit: (event: AlarmEvent) => void
}

export class Alarms {
  /** Since the start, by outcome; for the metrics. */
  readonly counts = { sent: 0, failed: 0 }
  readonly #deps: AlarmsDeps
  readonly #webhook: AlarmQueue
  readonly #command: AlarmQueue
  #settings: AlarmSettings | undefined

  /** @param settings undefined: nobody is told */
  constructor(settings: AlarmSettings | undefined, deps: AlarmsDeps) {
    this.#settings = settings
    this.#deps = deps
    const { clock } = deps
    this.#webhook = this.#queue('webhook', async (message, giveUp) => {
      const webhook = this.#settings?.webhook
      return webhook === undefined ? unconfigured : post(webhook, message, clock, giveUp)
    })
    this.#command = this.#queue('command', async (message, giveUp) => {
      const command = this.#settings?.command
      return command === undefined ? unconfigured : run(command, message, clock, giveUp)
    })
  }

  /** Returns at once. */
  report(change: ProblemChange): void {
    if (this.#settings === undefined) return
    const { webhook, command, minSeverity, name } = this.#settings
    if (minSeverity === 'alarm' && change.problem.severity !== 'alarm') return
    const message = messageAbout(change, { name, version: this.#deps.version })
    if (webhook !== undefined) this.#webhook.push(message)
    if (command !== undefined) this.#command.push(message)
  }

  /** What waits goes to the new receivers. */
  reconfigure(settings: AlarmSettings | undefined): void {
    this.#settings = settings
    this.#webhook.retryNow()
    this.#command.retryNow()
  }

  /** Resolves within two seconds, when no connection, program or timer is left. */
  async stop(): Promise<void> {
    await Promise.all([this.#webhook.stop(), this.#command.stop()])
  }

  #queue(channel: Channel, attempt: Attempt): AlarmQueue {
    const emit = (event: AlarmEvent): void => {
      if (event.event === 'alarm.sent') this.counts.sent++
      if (event.event === 'alarm.given-up') this.counts.failed++
      this.#deps.emit(event)
    }
    return new AlarmQueue({ ...this.#deps, channel, attempt, emit })
  }
}

const unconfigured: Answer = { outcome: 'refused', cause: 'the receiver is no longer configured' }
