/** Whether APNs takes a route's credential, as far as its answers tell (delivery contract, D11). */
import { CredentialBreaker, mayBlameRoute } from './credential-breaker.ts'
import type { RouteEvent } from './route-event.ts'

/** Whoever sends with the credential. */
export interface CredentialUser {
  /** The credential was refused: send one at a time, with growing pauses, until told otherwise. */
  distrust(): void
  /** The credential works. */
  trust(): void
}

/** One for each route. */
export class CredentialHealth {
  readonly #breaker = new CredentialBreaker()
  readonly #user: CredentialUser
  readonly #emit: (event: RouteEvent) => void
  #downReason: string | undefined

  constructor(user: CredentialUser, emit: (event: RouteEvent) => void) {
    this.#user = user
    this.#emit = emit
  }

  /** Why the route cannot send at all; undefined when it can, as far as is known. */
  get downReason(): string | undefined {
    return this.#downReason
  }

  /** APNs refused the credential: no notification and no token is to blame. */
  refused(reason: string): void {
    this.#user.distrust()
    if (this.#downReason === undefined) this.#emit({ event: 'route.down', reason })
    this.#downReason = reason
  }

  /** It is another credential, or has delivered: what was held against it does not count. */
  works(): void {
    this.#breaker.cleared()
    this.answered()
  }

  /** APNs judged a notification; a suspected credential has to prove itself by a delivery. */
  answered(): void {
    if (this.#downReason === undefined || this.#breaker.isActive) return
    this.#downReason = undefined
    this.#user.trust()
    this.#emit({ event: 'route.up' })
  }

  /** Whether a rejection is to be held against the credential and not against its token. */
  isBlamedFor(reason: string, token: string, nowMs: number): boolean {
    return mayBlameRoute(reason) && this.#breaker.doubts(token, nowMs)
  }
}
