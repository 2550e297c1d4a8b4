/** Judges from APNs' answers whether a route's credential works (delivery contract, D11). */
import { CredentialBreaker, mayBlameRoute } from './credential-breaker.ts'
import type { RouteEvent } from './route-event.ts'

/** Sends with the credential. */
export interface CredentialUser {
  /** The credential was refused: send one request at a time, with growing pauses, until {@link trust}. */
  credentialRefused(): void
  /** The credential works. */
  credentialAccepted(): void
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

  /** Why APNs refuses the route; undefined while it does not. */
  get downReason(): string | undefined {
    return this.#downReason
  }

  /** APNs refused the credential. */
  refused(reason: string): void {
    this.#user.credentialRefused()
    if (this.#downReason === undefined) this.#emit({ event: 'route.down', reason })
    this.#downReason = reason
  }

  /** The credential is new, or has delivered: drops all suspicions. */
  works(): void {
    this.#breaker.cleared()
    this.answered()
  }

  /** APNs judged a notification. A suspected credential stays suspected until it delivers. */
  answered(): void {
    if (this.#downReason === undefined || this.#breaker.isActive) return
    this.#downReason = undefined
    this.#user.credentialAccepted()
    this.#emit({ event: 'route.up' })
  }

  /** Whether the credential, and not the token, is at fault for a rejection. */
  isBlamedFor(reason: string, token: string, nowMs: number): boolean {
    return mayBlameRoute(reason) && this.#breaker.doubts(token, nowMs)
  }
}
