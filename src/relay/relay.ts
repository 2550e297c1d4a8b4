/** Carries one route's notifications from received to settled. */
import type { Outcome } from '../apns/outcome.ts'
import { amend, requestFor, type Addressing, type ProviderRequest } from '../apns/request.ts'
import type { Received } from '../binary/decoder.ts'
import { refusalStatus } from '../binary/notification.ts'
import { StatusCode } from '../binary/status-code.ts'
import type { Clock } from '../clock.ts'
import { accepted, type Rejection, type Settlement, type Verdict } from './lane.ts'
import { giveUpAt, pauseBefore, type Unavailable } from './retry.ts'
import { statusFor } from './status.ts'
import { newTally, type Tally } from './tally.ts'

/** Where the sender of a notification waits for its settlement. */
export interface Seat {
  /** The client connection's number, for the log. */
  readonly connection: number
  readonly identifier: number | undefined
  /** Called exactly once. */
  settle(settlement: Settlement): void
}

/** Something that can be sent to the provider API; answered exactly once for each time it is sent. */
export interface Shipment {
  readonly request: ProviderRequest
  /** From then on it is not worth sending, ms since the epoch. */
  readonly giveUpAtMs: number
  answered(outcome: Outcome): void
  /** It was not sent, for it is past {@link giveUpAtMs}. */
  expired(): void
}

/** The way to the provider API. */
export interface Upstream {
  send(shipment: Shipment): void
}

/** What a route does with its notifications. */
export interface RelayPolicy extends Addressing {
  /** What a 410 is to the sender: silence and a feedback tuple, or status 8 at once. */
  readonly unregistered: 'feedback' | 'error'
  /** How long a notification that cannot be delivered is tried, seconds. */
  readonly retryForSeconds: number
}

/** Hears of each decision about a notification. */
export interface RelayObserver {
  rejected(delivery: DeliveryRecord, rejection: Rejection): void
  unregistered(delivery: DeliveryRecord, reason: string, timestamp: number | undefined): void
  retried(delivery: DeliveryRecord, outcome: Unavailable, pauseMs: number): void
  expired(delivery: DeliveryRecord): void
}

/** What may be said of a notification outside. */
export interface DeliveryRecord {
  readonly connection: number
  readonly identifier: number | undefined
  /** Undefined where no request was made of it. */
  readonly apnsId: string | undefined
  /** Lower-case hexadecimal; never to be logged as it is. */
  readonly token: string | undefined
}

/** What a relay is given. */
export interface RelayDeps {
  readonly upstream: Upstream
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly newApnsId: () => string
  readonly observer: RelayObserver
}

/** One for each route. Holds what is received and unsettled, and nothing else. */
export class Relay {
  readonly tally: Tally = newTally()
  readonly #policy: RelayPolicy
  readonly #deps: RelayDeps
  #owned = 0
  #onIdle: (() => void)[] = []

  constructor(policy: RelayPolicy, deps: RelayDeps) {
    this.#policy = policy
    this.#deps = deps
  }

  /** Notifications received and not yet settled. */
  get owned(): number {
    return this.#owned
  }

  /** Resolves as soon as nothing is owned. */
  idle(): Promise<void> {
    if (this.#owned === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Takes over a notification; `seat` hears what became of it, perhaps before this returns. */
  accept(received: Received, seat: Seat): void {
    this.tally.received[received.command]++
    this.#owned++
    if (received.kind === 'refused') {
      this.#reject(seat, received.code, refusalStatus[received.code])
      return
    }
    const request = requestFor(received, this.#policy, this.#deps.newApnsId())
    if (request === undefined)
      this.#reject(seat, 'payload-not-an-object', StatusCode.missingPayload)
    else this.#deps.upstream.send(new Delivery(request, this.#giveUpAtMs(request), seat, this))
  }

  /** The lane's word on a rejection: only now is it settled. */
  judged(verdict: Verdict): void {
    this.#settled(verdict === 'told' ? 'rejected' : 'untold')
  }

  /** @internal for {@link Delivery} */
  conclude(delivery: Delivery, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'delivered':
        this.#settled('delivered')
        delivery.seat.settle(accepted)
        break
      case 'unregistered':
        this.#unregistered(delivery, outcome.reason, outcome.timestamp)
        break
      case 'rejected':
        if (outcome.amendment !== undefined && delivery.amend(outcome.amendment))
          this.#deps.upstream.send(delivery)
        else this.#reject(delivery.seat, outcome.reason, statusFor(outcome.reason), delivery)
        break
      case 'unavailable':
      case 'credential':
        this.#retry(delivery, outcome)
    }
  }

  /** @internal for {@link Delivery} */
  expire(delivery: Delivery): void {
    this.#deps.observer.expired(delivery.record)
    this.#settled('expired')
    delivery.seat.settle(accepted)
  }

  #unregistered(delivery: Delivery, reason: string, timestamp: number | undefined): void {
    this.#deps.observer.unregistered(delivery.record, reason, timestamp)
    if (this.#policy.unregistered === 'error') {
      this.#reject(delivery.seat, reason, StatusCode.invalidToken, delivery)
      return
    }
    this.#settled('unregistered')
    delivery.seat.settle(accepted)
  }

  #reject(seat: Seat, reason: string, statusCode: StatusCode, delivery?: Delivery): void {
    const rejection: Rejection = { kind: 'rejected', statusCode, reason }
    this.#deps.observer.rejected(delivery?.record ?? recordOf(seat, undefined), rejection)
    seat.settle(rejection)
  }

  #retry(delivery: Delivery, outcome: Unavailable): void {
    const { clock, random, observer, upstream } = this.#deps
    const pauseMs = pauseBefore(outcome, ++delivery.attempts, random())
    if (clock.now() + pauseMs >= delivery.giveUpAtMs) {
      this.expire(delivery)
      return
    }
    this.tally.retries++
    observer.retried(delivery.record, outcome, pauseMs)
    if (pauseMs === 0) upstream.send(delivery)
    else
      clock.after(pauseMs, () => {
        upstream.send(delivery)
      })
  }

  #settled(outcome: keyof Tally['settled']): void {
    this.tally.settled[outcome]++
    if (--this.#owned > 0) return
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #giveUpAtMs({ expiration }: ProviderRequest): number {
    return giveUpAt(this.#deps.clock.now(), expiration, this.#policy.retryForSeconds)
  }
}

/** One notification on its way, kept over all its attempts. */
class Delivery implements Shipment {
  request: ProviderRequest
  readonly giveUpAtMs: number
  readonly seat: Seat
  attempts = 0
  readonly #relay: Relay
  #amended = false

  constructor(request: ProviderRequest, giveUpAtMs: number, seat: Seat, relay: Relay) {
    this.request = request
    this.giveUpAtMs = giveUpAtMs
    this.seat = seat
    this.#relay = relay
  }

  get record(): DeliveryRecord {
    return recordOf(this.seat, this.request)
  }

  /** Changes the proxy's own choice; once, then the notification is to blame after all. */
  amend(amendment: Parameters<typeof amend>[1]): boolean {
    if (this.#amended) return false
    this.#amended = true
    this.request = amend(this.request, amendment)
    return true
  }

  answered(outcome: Outcome): void {
    this.#relay.conclude(this, outcome)
  }

  expired(): void {
    this.#relay.expire(this)
  }
}

function recordOf(seat: Seat, request: ProviderRequest | undefined): DeliveryRecord {
  const { connection, identifier } = seat
  return { connection, identifier, apnsId: request?.apnsId, token: request?.token }
}
