/** The store of a worker: another process keeps it, and hears of everything over a channel. */
import { decodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import type { Clock } from '../clock.ts'
import { Outbox, type StoreChannel } from './outbox.ts'
import type { StoreAnswer } from './store-message.ts'
import type { EventLog, Store, StoredToken, LoggedEvent, TokenStore } from './store.ts'
import { WorkerFeedback } from './worker-feedback.ts'
import { WorkerJournal } from './worker-journal.ts'

/** See the file's first line. */
export class WorkerStore implements Store {
  readonly journal: WorkerJournal
  readonly feedback: WorkerFeedback
  readonly eventLog: WorkerEventLog
  readonly tokens: WorkerTokens
  /** The other process says how many. */
  readonly bytes = undefined
  readonly #outbox: Outbox

  constructor(channel: StoreChannel, clock: Clock) {
    this.#outbox = new Outbox(channel)
    this.journal = new WorkerJournal(this.#outbox, clock)
    this.feedback = new WorkerFeedback(this.#outbox)
    this.eventLog = new WorkerEventLog(this.#outbox)
    this.tokens = new WorkerTokens(this.#outbox)
  }

  get isReachable(): boolean {
    return this.journal.keeperIsHealthy
  }

  /** What the other process tells. */
  receive(answers: readonly StoreAnswer[]): void {
    for (const answer of answers) this.#receive(answer)
  }

  /** What it holds unsettled is given to another worker once this process has ended. */
  close(): Promise<void> {
    this.journal.close()
    this.#outbox.close()
    return Promise.resolve()
  }

  #receive(answer: StoreAnswer): void {
    switch (answer.kind) {
      case 'health':
        this.journal.keeperIsHealthy = answer.healthy
        break
      case 'claimed':
        this.journal.claim(answer.key, answer.entry, answer.settled)
        break
      case 'flushed':
        this.journal.flushed(answer.id)
        break
      case 'agreed':
        this.tokens.agreed(answer.id, answer.token)
        break
      case 'feedback-added':
        this.feedback.added(answer.route, decodeFeedbackTuples(answer.tuples).tuples)
        break
      case 'feedback-removed':
        this.feedback.removed(answer.route, decodeFeedbackTuples(answer.tuples).tuples)
        break
      case 'feedback-held':
        this.feedback.held(answer.id, decodeFeedbackTuples(answer.tuples).tuples)
        break
      case 'feedback-forgotten':
        this.feedback.forgotten(answer.id)
        break
      case 'told':
        this.eventLog.apply(answer.route, answer)
    }
  }
}

/** What another process orders. It lives and dies with this one, so nothing is told without it. */
class WorkerEventLog implements EventLog {
  readonly #outbox: Outbox
  readonly #listeners = new Map<string, (event: LoggedEvent) => void>()

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  listen(route: string, apply: (event: LoggedEvent) => void): void {
    this.#listeners.set(route, apply)
    this.#outbox.add({ kind: 'listen', route })
  }

  append(route: string, event: unknown): void {
    this.#outbox.add({ kind: 'append', route, event })
  }

  apply(route: string, event: LoggedEvent): void {
    this.#listeners.get(route)?.(event)
  }
}

/** The provider tokens of all workers: the first that signs one signs for all. */
class WorkerTokens implements TokenStore {
  readonly #outbox: Outbox
  readonly #waiting = new Map<number, (token: StoredToken) => void>()
  #lastId = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  agree(name: string, own: StoredToken, sinceMs: number): Promise<StoredToken> {
    const id = ++this.#lastId
    this.#outbox.add({ kind: 'agree', id, name, own, sinceMs })
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  agreed(id: number, token: StoredToken): void {
    this.#waiting.get(id)?.(token)
    this.#waiting.delete(id)
  }
}
