/** Judges from APNs' answers whether a route's credential and set-up work (delivery contract, D11 and D17). */
import type { RouteEvent } from './route-event.ts'
import { mayBlameRoute, SetupGuard } from './setup-guard.ts'

/** Sends with the credential. */
export interface CredentialUser {
  /** Sends one request at a time, with growing pauses, until {@link credentialAccepted}. */
  credentialRefused(): void
  credentialAccepted(): void
  /** Has at most so many requests in flight from now on. */
  limitInFlight(most: number): void
}

/** What the store knows of a route's credential, topic and environment. */
export interface RouteProof {
  /** Names the credential, the topic and the environment. */
  readonly setup: string
  /** Whether APNs has ever accepted a notification with them. */
  readonly isProven: boolean
  /** APNs has accepted one now. */
  keep(): void
}

/** Requests in flight while the route is unproven: so many tokens are asked for at a time. */
const unprovenInFlight = 3

/** One for each route. */
export class CredentialHealth {
  readonly #guard: SetupGuard
  readonly #user: CredentialUser
  readonly #emit: (event: RouteEvent) => void
  #proof: RouteProof
  #downReason: string | undefined

  constructor(user: CredentialUser, proof: RouteProof, emit: (event: RouteEvent) => void) {
    this.#guard = new SetupGuard(proof.isProven)
    this.#user = user
    this.#proof = proof
    this.#emit = emit
    this.#limitInFlight()
  }

  /** Why nothing is delivered: APNs refuses the credential, or the set-up is suspected. */
  get downReason(): string | undefined {
    return this.#downReason
  }

  /** Whether {@link downReason} is a suspicion. APNs has not refused the credential. */
  get isSuspicious(): boolean {
    return this.#guard.isSuspicious
  }

  /** Whether APNs has accepted a notification with the present credential, topic and environment. */
  get isProven(): boolean {
    return this.#guard.isProven
  }

  /** Names the present credential, topic and environment. */
  get setup(): string {
    return this.#proof.setup
  }

  /** APNs refused the credential. */
  refused(reason: string): void {
    this.#stop('route.down', reason)
  }

  /** {@link suspects} has said so. @param reason the rejection that the route has for every token */
  suspected(reason: string): void {
    const why = `${reason} for every token: wrong certificate, topic or environment?`
    this.#stop('route.suspected', this.#downReason ?? why)
  }

  /** The route has another credential, topic or environment. */
  renewed(proof: RouteProof): void {
    this.#proof = proof
    this.#guard.restart(proof.isProven)
    this.#limitInFlight()
    this.answered()
  }

  /** APNs accepted a notification, or the operator says that the route is right. */
  works(): void {
    const isFirst = !this.#guard.isProven
    this.#guard.prove()
    if (isFirst) {
      this.#proof.keep()
      this.#limitInFlight()
      this.#emit({ event: 'route.proven' })
    }
    this.answered()
  }

  /** APNs judged a notification. A suspicion stays until APNs accepts one. */
  answered(): void {
    if (this.#downReason === undefined || this.#guard.isSuspicious) return
    this.#downReason = undefined
    this.#user.credentialAccepted()
    this.#emit({ event: 'route.up' })
  }

  /** Whether a rejection is evidence against the set-up of the route. */
  isEvidence(reason: string): boolean {
    return mayBlameRoute(reason, this.#guard.isProven)
  }

  /** Whether the set-up, and not the token, is at fault for a rejection. */
  suspects(token: string, nowMs: number): boolean {
    return this.#guard.suspects(token, nowMs)
  }

  #stop(event: 'route.down' | 'route.suspected', reason: string): void {
    this.#user.credentialRefused()
    if (this.#downReason === undefined) this.#emit({ event, reason })
    this.#downReason = reason
  }

  #limitInFlight(): void {
    this.#user.limitInFlight(this.#guard.isProven ? Infinity : unprovenInFlight)
  }
}
