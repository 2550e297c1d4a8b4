/** What a worker says to the process that keeps its store, gathered over a turn. */
import type { StoreRequest } from './store-message.ts'

/** The way to who keeps the store: nothing is lost on it, and nothing overtakes. */
export interface StoreChannel {
  /** Everything is in the hands of the system when this returns, unless the channel is full. */
  send(requests: readonly StoreRequest[]): void
  /** Whether so much waits in this process that no more had better be sent. */
  readonly isFull: boolean
}

/** Sends as one message what is said until the running code is over: before anything else can happen. */
export class Outbox {
  readonly channel: StoreChannel
  #requests: StoreRequest[] = []
  #isClosed = false

  constructor(channel: StoreChannel) {
    this.channel = channel
  }

  add(request: StoreRequest): void {
    if (this.#isClosed) return
    if (this.#requests.push(request) > 1) return
    queueMicrotask(() => {
      this.flush()
    })
  }

  flush(): void {
    if (this.#requests.length > 0) this.channel.send(this.#requests.splice(0))
  }

  close(): void {
    this.flush()
    this.#isClosed = true
  }
}
