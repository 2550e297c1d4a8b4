/** The embedded store as a process keeps it for its workers, and the order of all that they append. */
import { encodeFeedbackTuple, encodeFeedbackTuples } from '../binary/feedback-tuple.ts'
import type { EmbeddedStore, EntryBatch } from './entry-journal.ts'
import { latestTimestamp } from './feedback.ts'
import type { FeedbackRequest, StoreAnswer, StoreRequest } from './store-message.ts'
import type { FeedbackHold, StoredToken, LoggedEvent } from './store.ts'

/** Tells a worker something; resolves when it has left this process, or the worker has ended. */
export type Tell = (answers: readonly StoreAnswer[]) => Promise<void>

/** What is handed over in one message, bytes. */
const handedAtOnceBytes = 256 * 1024
/** So long the past is told to a worker that starts, as Redis keeps it. */
const recentMs = 120_000
const forgottenAtOnce = 1000

/** See the file's first line. One {@link Client} for each worker. */
export class StoreHost {
  readonly #store: EmbeddedStore
  readonly #clients = new Set<Client>()
  /** What was told lately, by route. */
  readonly #recent = new Map<string, Omit<LoggedEvent, 'own'>[]>()
  readonly #tokens = new Map<string, StoredToken>()
  #orphans: EntryBatch[]
  #handing = false

  constructor(store: EmbeddedStore) {
    this.#store = store
    this.#orphans = [...store.journal.leftBehind()]
  }

  /** Notifications that are nobody's just now. */
  get orphaned(): number {
    return this.#orphans.reduce((sum, { remaining }) => sum + remaining, 0)
  }

  /** A worker has started. */
  attach(tell: Tell): Client {
    const client = new Client(this.#store, this, tell)
    this.#clients.add(client)
    client.answer({ kind: 'health', healthy: this.#store.journal.healthy })
    for (const [route, tuples] of this.#store.feedback.lists())
      client.answer({ kind: 'feedback-added', route, tuples: encodeFeedbackTuples(tuples) })
    void client.flush()
    return client
  }

  /** Writing has stopped to work, or works again. */
  healthChanged(): void {
    this.tellAll({ kind: 'health', healthy: this.#store.journal.healthy })
    this.flush()
  }

  /** Shares among the workers what nobody goes on with, the oldest first. */
  async handOut(): Promise<void> {
    if (this.#handing) return
    this.#handing = true
    while (this.#orphans.length > 0) {
      const takers = [...this.#clients].filter(({ claims }) => claims)
      if (takers.length === 0) break
      for (const taker of takers) await taker.hand(this.#orphans)
    }
    this.#handing = false
  }

  /** @internal for the clients */
  left(client: Client, batches: readonly EntryBatch[]): void {
    this.#clients.delete(client)
    // Not spread into one push: there may be more than a call takes arguments.
    for (const batch of batches) if (batch.remaining > 0) this.#orphans.push(batch)
  }

  /** @internal for the clients */
  tellAll(answer: StoreAnswer): void {
    for (const client of this.#clients) client.answer(answer)
  }

  /** @internal for the clients */
  flush(): void {
    for (const client of this.#clients) void client.flush()
  }

  /** @internal for the clients: whoever listens to the route hears it in the one order. */
  append(from: Client, route: string, event: unknown): void {
    this.#store.eventLog.append(route, { from, event } satisfies Appended)
  }

  /** @internal for the clients: what was issued lately is everybody's. */
  agree(name: string, own: StoredToken, sinceMs: number): StoredToken {
    const known = this.#tokens.get(name)
    if (known !== undefined && known.issuedAtMs > sinceMs) return known
    this.#tokens.set(name, own)
    return own
  }

  /** @internal for the clients: one that has only started hears what was told lately. */
  listenTo(client: Client, route: string): void {
    const recent = this.#recent.get(route) ?? []
    for (const told of recent) client.answer({ kind: 'told', route, ...told, own: false })
    if (this.#recent.has(route)) return
    this.#recent.set(route, recent)
    this.#store.eventLog.listen(route, ({ event: appended, position, atMs }) => {
      const { from, event } = appended as Appended
      forgetBefore(atMs - recentMs, recent)
      recent.push({ event, position, atMs })
      for (const client of this.#clients)
        if (client.listensTo(route))
          client.answer({ kind: 'told', route, event, position, atMs, own: client === from })
    })
  }
}

/** In pieces: cut off one by one, a long list would be moved each time. */
function forgetBefore(oldestMs: number, recent: Omit<LoggedEvent, 'own'>[]): void {
  const told = recent[forgottenAtOnce - 1]
  if (told !== undefined && told.atMs < oldestMs) recent.splice(0, forgottenAtOnce)
}

/** What stands in the event log of a host. */
interface Appended {
  readonly from: Client
  readonly event: unknown
}

/** One worker, as its host sees it. */
export class Client {
  readonly #store: EmbeddedStore
  readonly #host: StoreHost
  readonly #tell: Tell
  readonly #batches = new Map<number, EntryBatch>()
  readonly #holds = new Map<number, FeedbackHold>()
  readonly #routes = new Set<string>()
  #answers: StoreAnswer[] = []
  #claims = false
  #lastClaimed = 0
  #isGone = false

  constructor(store: EmbeddedStore, host: StoreHost, tell: Tell) {
    this.#store = store
    this.#host = host
    this.#tell = tell
  }

  /** Whether it takes over what others leave. */
  get claims(): boolean {
    return this.#claims
  }

  listensTo(route: string): boolean {
    return this.#routes.has(route)
  }

  /** Does what the worker asks for; what comes of it is told at the end, in one message for each. */
  receive(requests: readonly StoreRequest[]): void {
    for (const request of requests) this.#receive(request)
    this.#host.flush()
  }

  /** It has ended: what it owned is nobody's, and what it read of feedback is offered again. */
  gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    for (const hold of this.#holds.values()) hold.release()
    this.#host.left(this, [...this.#batches.values()])
  }

  /** Takes over some of these, from the front; resolves when it has been told. */
  async hand(batches: EntryBatch[]): Promise<void> {
    let count = 0
    for (let bytes = 0; bytes < handedAtOnceBytes && !this.#isGone; count++) {
      const batch = batches[count]
      if (batch === undefined) break
      const rest = batch.rest()
      if (rest === undefined) continue
      const key = --this.#lastClaimed
      this.#batches.set(key, batch)
      this.answer({ kind: 'claimed', key, ...rest })
      bytes += rest.entry.length
    }
    // All at once: cut off one by one, a hundred thousand take as long as their square.
    batches.splice(0, count)
    await this.flush()
  }

  /** @internal for the host */
  answer(answer: StoreAnswer): void {
    if (!this.#isGone) this.#answers.push(answer)
  }

  /** @internal for the host */
  async flush(): Promise<void> {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    await this.#tell(answers)
  }

  #receive(request: StoreRequest): void {
    switch (request.kind) {
      case 'put':
        this.#batches.set(request.key, this.#store.journal.putEntry(request.entry))
        break
      case 'settled':
        for (const key of request.keys) {
          this.#batches.get(key)?.settledAll()
          this.#batches.delete(key)
        }
        break
      case 'settled-partly':
        this.#batches.get(request.key)?.settledAs(request.bits)
        break
      case 'claim':
        this.#claims = true
        break
      case 'flush':
        void this.#flushStore(request.id)
        break
      case 'listen':
        this.#routes.add(request.route)
        this.#host.listenTo(this, request.route)
        break
      case 'append':
        this.#host.append(this, request.route, request.event)
        break
      case 'agree': {
        const { id, name, own, sinceMs } = request
        this.answer({ kind: 'agreed', id, token: this.#host.agree(name, own, sinceMs) })
        break
      }
      case 'feedback-add':
      case 'feedback-drop':
      case 'feedback-hold':
      case 'feedback-forget':
      case 'feedback-release':
        this.#receiveFeedback(request)
    }
  }

  #receiveFeedback(request: FeedbackRequest): void {
    const { feedback } = this.#store
    switch (request.kind) {
      case 'feedback-add': {
        const { route, token, timestamp } = request
        feedback.add(route, token, timestamp)
        const tuples = encodeFeedbackTuple({ timestamp, token: Buffer.from(token, 'hex') })
        this.#host.tellAll({ kind: 'feedback-added', route, tuples })
        break
      }
      case 'feedback-drop': {
        const { route, token } = request
        feedback.drop(route, token)
        const whenever = { timestamp: latestTimestamp, token: Buffer.from(token, 'hex') }
        const tuples = encodeFeedbackTuple(whenever)
        this.#host.tellAll({ kind: 'feedback-removed', route, tuples })
        break
      }
      case 'feedback-hold':
        void this.#hold(request.id, request.route)
        break
      case 'feedback-forget':
        void this.#forget(request.id, request.route)
        break
      case 'feedback-release':
        this.#holds.get(request.id)?.release()
        this.#holds.delete(request.id)
    }
  }

  async #flushStore(id: number): Promise<void> {
    await this.#store.journal.flush()
    this.answer({ kind: 'flushed', id })
    await this.flush()
  }

  async #hold(id: number, route: string): Promise<void> {
    const hold = await this.#store.feedback.hold(route)
    if (this.#isGone) {
      hold.release()
      return
    }
    this.#holds.set(id, hold)
    this.answer({ kind: 'feedback-held', id, tuples: encodeFeedbackTuples(hold.tuples) })
    await this.flush()
  }

  async #forget(id: number, route: string): Promise<void> {
    const hold = this.#holds.get(id)
    if (hold === undefined) return
    this.#holds.delete(id)
    await hold.forget()
    const tuples = encodeFeedbackTuples(hold.tuples)
    this.#host.tellAll({ kind: 'feedback-removed', route, tuples })
    this.answer({ kind: 'feedback-forgotten', id })
    this.#host.flush()
  }
}
