/** The feedback lists as a worker knows them. */
import type { FeedbackTuple } from '../binary/feedback-tuple.ts'
import { checkFeedbackEntry } from './feedback.ts'
import type { Outbox } from './outbox.ts'
import type { FeedbackHold, FeedbackStore } from './store.ts'

/** Knows all entries, so that a token without one costs nothing; the other process has the say. */
export class WorkerFeedback implements FeedbackStore {
  readonly #outbox: Outbox
  readonly #routes = new Map<string, Map<string, number>>()
  readonly #holds = new Map<number, (tuples: readonly FeedbackTuple[]) => void>()
  readonly #forgets = new Map<number, () => void>()
  #lastHold = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  add(route: string, token: string, timestamp: number): void {
    checkFeedbackEntry(route, timestamp)
    if (!this.#keep(route, token, timestamp)) return
    this.#outbox.add({ kind: 'feedback-add', route, token, timestamp })
  }

  drop(route: string, token: string): void {
    if (this.#routes.get(route)?.delete(token) === true)
      this.#outbox.add({ kind: 'feedback-drop', route, token })
  }

  async hold(route: string): Promise<FeedbackHold> {
    const id = ++this.#lastHold
    this.#outbox.add({ kind: 'feedback-hold', id, route })
    const tuples = await new Promise<readonly FeedbackTuple[]>((resolve) => {
      this.#holds.set(id, resolve)
    })
    return {
      tuples,
      forget: () => {
        this.#outbox.add({ kind: 'feedback-forget', id, route })
        return new Promise((resolve) => this.#forgets.set(id, resolve))
      },
      release: () => {
        this.#outbox.add({ kind: 'feedback-release', id })
      },
    }
  }

  count(route: string): number {
    return this.#routes.get(route)?.size ?? 0
  }

  held(id: number, tuples: readonly FeedbackTuple[]): void {
    this.#holds.get(id)?.(tuples)
    this.#holds.delete(id)
  }

  forgotten(id: number): void {
    this.#forgets.get(id)?.()
    this.#forgets.delete(id)
  }

  added(route: string, tuples: readonly FeedbackTuple[]): void {
    for (const { token, timestamp } of tuples) this.#keep(route, token.toString('hex'), timestamp)
  }

  removed(route: string, tuples: readonly FeedbackTuple[]): void {
    const tokens = this.#routes.get(route)
    for (const { token, timestamp } of tuples) {
      const hex = token.toString('hex')
      if ((tokens?.get(hex) ?? Infinity) <= timestamp) tokens?.delete(hex)
    }
  }

  /** Whether it is news. */
  #keep(route: string, token: string, timestamp: number): boolean {
    const tokens = this.#routes.get(route) ?? new Map<string, number>()
    this.#routes.set(route, tokens)
    if ((tokens.get(token) ?? -1) >= timestamp) return false
    tokens.set(token, timestamp)
    return true
  }
}
