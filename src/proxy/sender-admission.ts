/** Accepts connections of senders, and evicts idle ones if there are too many. */
import { connectionCounter } from '../statistics/event-counter.ts'
import {
  countConnection,
  countFeedbackRead,
  type SenderRecord,
} from '../statistics/sender-record.ts'
import type { SenderStatistics } from '../statistics/sender-statistics.ts'
import type { Configuration } from '../config/configuration.ts'
import { SenderConnection } from '../gateway/connection.ts'
import { serveFeedback } from '../gateway/feedback-service.ts'
import { closeUnserved, type RecognisedSender } from '../gateway/listener.ts'
import type { Logger } from '../log/log.ts'
import type { Recorder } from '../recording/recorder.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../timing/clock.ts'
import type { ActiveRoute } from './active-route.ts'
import { logEvents, type AnyEvent } from './log-event.ts'
import { keepFeedback } from './store-for-route.ts'

export interface ClientConnectionsDeps {
  /** The routes whose connections count towards `maxConnections`. */
  readonly routes: () => readonly ActiveRoute[]
  readonly limits: () => Configuration['limits']
  readonly store: Store
  readonly statistics: SenderStatistics
  readonly recorder: Recorder | undefined
  readonly clock: Clock
  readonly log: Logger
}

const quietMs = 20
const quietAtMostMs = 100
/** Evicts connections above this share of `maxConnections`. */
const evictionThreshold = 0.9
/** A sender that is silent for longer after its error response will not read the response. */
const evictableAfterMs = 10_000

/** The connections of all routes. */
export class SenderAdmission {
  readonly #deps: ClientConnectionsDeps
  #lastNumber = 0

  constructor(deps: ClientConnectionsDeps) {
    this.#deps = deps
  }

  /** Sends the unregistered tokens of the route. */
  acceptFeedbackReader({
    socket,
    route,
    certificate,
    address,
  }: RecognisedSender<ActiveRoute>): void {
    const { statistics, clock, recorder, store } = this.#deps
    const now = clock.now()
    const { publicKeySha256: sender } = certificate
    countFeedbackRead(statistics.sender(route.name, certificate, now), address, now)
    route.feedbackReadAtMs = now
    recorder?.record(socket, { kind: 'feedback', route: route.name, address })
    const log = logEvents(route.log)
    void serveFeedback(socket, route.name, {
      store: store.feedback,
      told: (tuples) => {
        const where = { atMs: clock.now(), route: route.name, sender, address }
        keepFeedback(store, where, tuples, route.offeredTuples)
      },
      clock,
      emit: (event) => {
        if (event.event === 'feedback.read') route.offeredTuples.clear()
        log(event)
      },
    })
  }

  /** Receives notifications. If the route is down, closes the connection. */
  accept(sender: RecognisedSender<ActiveRoute>): void {
    const { socket, route, certificate, address } = sender
    const { statistics, clock, recorder, limits } = this.#deps
    const record = statistics.sender(route.name, certificate, clock.now())
    countConnection(record, address, socket.getProtocol())
    const connection = ++this.#lastNumber
    recorder?.record(socket, { kind: 'gateway', route: route.name, address, connection })
    const log = logEvents(route.log, { connection }, route.repeated)
    const { downReason, isSuspicious } = route.relay
    if (downReason !== undefined && !isSuspicious) {
      log({ event: 'connection.refused', reason: downReason })
      closeUnserved(socket, limits().handshakeTimeoutMs, clock)
      return
    }
    this.#makeRoom()
    this.#open(sender, connection, record, log)
  }

  #open(
    { socket, route, certificate, address }: RecognisedSender<ActiveRoute>,
    number: number,
    record: SenderRecord,
    log: (event: AnyEvent) => void,
  ): void {
    const { clock, store } = this.#deps
    const peer = { address, tlsVersion: socket.getProtocol() ?? 'unknown' }
    const { subject, notAfter } = certificate
    log({ event: 'connection.opened', address, protocol: peer.tlsVersion, subject })
    if (notAfter.getTime() < clock.now()) log({ event: 'sender.certificate-expired', notAfter })
    const { errorDeadlineMs, maxPayloadBytes } = route.route
    const count = connectionCounter(record)
    const connection: SenderConnection = new SenderConnection(socket, {
      connection: number,
      sender: certificate.publicKeySha256,
      tally: record,
      relay: route.relay,
      canWrite: () => store.journal.healthy,
      limits: { errorDeadlineMs, maxPayloadBytes, quietMs, quietAtMostMs },
      clock,
      emit: (event) => {
        if (event.event === 'connection.closed') route.clients.delete(connection)
        count(event)
        log(event)
      },
    })
    route.clients.set(connection, peer)
  }

  /** Evicts the longest idle sender that does not read its error response: it may never close. */
  #makeRoom(): void {
    const routes = this.#deps.routes()
    const count = routes.reduce((sum, { clients }) => sum + clients.size, 0)
    if (count < this.#deps.limits().maxConnections * evictionThreshold) return
    const [longestIdle] = routes
      .flatMap(({ clients }) => [...clients.keys()])
      .filter(({ isHalfClosed }) => isHalfClosed)
      .sort((one, other) => other.idleMs - one.idleMs)
    if (longestIdle === undefined || longestIdle.idleMs < evictableAfterMs) return
    const { id, idleMs } = longestIdle
    logEvents(this.#deps.log, { connection: id })({ event: 'connection.evicted', idleMs })
    longestIdle.destroy()
  }
}
