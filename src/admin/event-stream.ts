/** One report each second to everybody who listens, as server-sent events. */
import type { ServerResponse } from 'node:http'
import type { Cancel, Clock } from '../timing/clock.ts'

/** What is told. */
export interface StreamContent {
  /** To who has just come: what was before. */
  history(): string
  /** To all, one text for everybody. */
  status(): string
}

const tickMs = 1000
/** As many as an office has screens; each costs a connection and a write a second. */
const mostListeners = 16
/** Seconds without a byte taken: somebody closed the lid. */
const patience = 15

/** Nothing is made up while nobody listens, and nothing is piled up for who does not read. */
export class EventStream {
  readonly #reports: StreamContent
  readonly #clock: Clock
  /** With how many reports each has missed in a row. */
  readonly #listeners = new Map<ServerResponse, number>()
  #cancelTick: Cancel | undefined

  constructor(reports: StreamContent, clock: Clock) {
    this.#reports = reports
    this.#clock = clock
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size
  }

  /** Takes a response over, until it closes; false when there are too many already. */
  join(response: ServerResponse): boolean {
    if (this.#listeners.size >= mostListeners) return false
    const reports = this.#reports
    const first = event('history', reports.history()) + event('status', reports.status())
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    response.on('error', () => undefined)
    response.on('close', () => {
      this.#listeners.delete(response)
      if (this.#listeners.size === 0) this.close()
    })
    response.write(first)
    this.#listeners.set(response, 0)
    this.#cancelTick ??= this.#nextTick()
    return true
  }

  /** Lets everybody go. */
  close(): void {
    this.#cancelTick?.()
    this.#cancelTick = undefined
    for (const response of this.#listeners.keys()) response.destroy()
    this.#listeners.clear()
  }

  #nextTick(): Cancel {
    return this.#clock.after(tickMs, () => {
      this.#cancelTick = this.#nextTick()
      const report = event('status', this.#reports.status())
      for (const [response, missed] of this.#listeners) this.#tell(response, report, missed)
    })
  }

  #tell(response: ServerResponse, report: string, missed: number): void {
    if (!response.writableNeedDrain) {
      response.write(report)
      this.#listeners.set(response, 0)
    } else if (missed < patience) this.#listeners.set(response, missed + 1)
    else response.destroy()
  }
}

/** JSON has no line breaks, which would end the data. */
function event(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`
}
