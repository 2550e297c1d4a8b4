/** Sends the status to all listeners every second, as server-sent events. */
import type { ServerResponse } from 'node:http'
import type { Cancel, Clock } from '../timing/clock.ts'
import { every } from '../timing/timer.ts'

/** The data of the events, which JSON can contain. */
export interface StreamContent {
  /** For a new listener. */
  history(): unknown
  /** For all listeners, every second. */
  status(): unknown
}

const tickMs = 1000
/** Each listener costs a connection and a write every second. */
const mostListeners = 16
/** A listener that reads nothing for so many seconds is disconnected. */
const mostMissed = 15

/** Computes nothing without a listener, and queues nothing for a listener that does not read. */
export class StatusStream {
  readonly #content: StreamContent
  readonly #clock: Clock
  /** With the number of events that each has missed in a row. */
  readonly #listeners = new Map<ServerResponse, number>()
  #cancelTick: Cancel | undefined

  constructor(content: StreamContent, clock: Clock) {
    this.#content = content
    this.#clock = clock
  }

  get listeners(): number {
    return this.#listeners.size
  }

  has(response: ServerResponse): boolean {
    return this.#listeners.has(response)
  }

  /** Adds a listener until its response closes. @returns false if there are too many listeners */
  join(response: ServerResponse): boolean {
    if (this.#listeners.size >= mostListeners) return false
    const content = this.#content
    const first = event('history', content.history()) + event('status', content.status())
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    response.on('error', () => undefined)
    response.on('close', () => {
      this.#listeners.delete(response)
      if (this.#listeners.size === 0) this.close()
    })
    response.write(first)
    this.#listeners.set(response, 0)
    this.#cancelTick ??= every(this.#clock, tickMs, () => this.#tick())
    return true
  }

  /** Disconnects all listeners. */
  close(): void {
    this.#cancelTick?.()
    this.#cancelTick = undefined
    for (const response of this.#listeners.keys()) response.destroy()
    this.#listeners.clear()
  }

  #tick(): void {
    const status = event('status', this.#content.status())
    for (const [response, missed] of this.#listeners) this.#send(response, status, missed)
  }

  #send(response: ServerResponse, text: string, missed: number): void {
    if (!response.writableNeedDrain) {
      response.write(text)
      this.#listeners.set(response, 0)
    } else if (missed < mostMissed) this.#listeners.set(response, missed + 1)
    else response.destroy()
  }
}

/** A line break would end the data, and JSON has none. */
function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
