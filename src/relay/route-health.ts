/** Judges from APNs' answers whether a route's credential and set-up work (delivery contract, D11 and D17). */
import type { Clock } from '../timing/clock.ts'
import type { RouteEvent } from './route-event.ts'
import type { Refusal } from './ordered-evidence.ts'
import { mayBlameRoute, SetupGuard, type Standing } from './setup-guard.ts'

/** Sends with the credential. */
export interface CredentialUser {
  /** APNs refused the credential: tries one request at a time, with growing pauses. */
  credentialRefused(): void
  /** The set-up is suspected: tries one request at a time, with short pauses. */
  setupSuspected(): void
  /** Sends as usual again. */
  credentialAccepted(): void
  /** Has at most so many requests in flight from now on. */
  limitInFlight(most: number): void
}

/** What the store knows of a route's credential, topic and environment. */
export interface RouteProof {
  /** Names the credential, the topic and the environment. */
  readonly setup: string
  readonly standing: Standing
  keep(standing: Exclude<Standing, 'unproven'>): void
}

/** Requests in flight while the route is unproven: so many tokens are asked for at a time. */
const unprovenInFlight = 3

/** One for each route. */
export class RouteHealth {
  readonly #guard: SetupGuard
  readonly #user: CredentialUser
  readonly #emit: (event: RouteEvent) => void
  readonly #clock: Pick<Clock, 'now'>
  #proof: RouteProof
  /** Why APNs refuses the credential. */
  #refusal: string | undefined
  /** The rejection that the route has for every token. */
  #suspicion: string | undefined

  constructor(
    user: CredentialUser,
    proof: RouteProof,
    emit: (event: RouteEvent) => void,
    clock: Pick<Clock, 'now'>,
  ) {
    this.#guard = new SetupGuard(proof.standing, clock.now())
    this.#clock = clock
    this.#user = user
    this.#proof = proof
    this.#emit = emit
    this.#limitInFlight()
  }

  /** Why nothing is delivered: APNs refuses the credential, or the set-up is suspected. */
  get downReason(): string | undefined {
    return this.#refusal ?? this.#suspicion
  }

  /** Whether {@link downReason} is a suspicion. APNs has not refused the credential. */
  get isSuspicious(): boolean {
    return this.#refusal === undefined && this.#guard.isSuspicious
  }

  /** Whether rejections are held back, even if APNs refuses the credential meanwhile. */
  get holdsBack(): boolean {
    return this.#guard.isSuspicious
  }

  get standing(): Standing {
    return this.#guard.standing
  }

  /** Whether two rejections are not the most that is told. */
  get isProven(): boolean {
    return this.standing !== 'unproven'
  }

  /** Names the present credential, topic and environment. */
  get setup(): string {
    return this.#proof.setup
  }

  /** APNs refused the credential. */
  refused(reason: string): void {
    this.#user.credentialRefused()
    if (this.#refusal === undefined) this.#emit({ event: 'route.down', reason })
    this.#refusal = reason
  }

  /** The route has another credential, topic or environment, or need not prove itself any more. */
  renewed(proof: RouteProof): void {
    this.#proof = proof
    this.#guard.restart(proof.standing, this.#clock.now())
    this.#limitInFlight()
    this.answered()
  }

  /** APNs accepted a notification. */
  works(): void {
    const isFirst = this.standing !== 'proven'
    this.#guard.prove()
    if (isFirst) {
      this.#proof.keep('proven')
      this.#limitInFlight()
      this.#emit({ event: 'route.proven' })
    }
    this.answered()
  }

  /**
   * An operator says that the present credential, topic and environment are right. Until APNs accepts a
   * notification, the tokens are at fault. Whatever happens, they are for what was received until now.
   */
  overrule(): void {
    const isHeld = this.#guard.isSuspicious || !this.isProven
    this.#guard.restart('overruled', this.#clock.now())
    if (!isHeld) return
    this.#proof.keep('overruled')
    this.#emit({ event: 'route.overruled' })
    this.#limitInFlight()
    if (this.#refusal === undefined) this.answered()
  }

  /** Whether the suspicion was overruled after the proxy had received a notification. */
  isOverruled(receivedAtMs: number): boolean {
    return this.#guard.isOverruled(receivedAtMs)
  }

  /** APNs judged a notification, so it takes the credential. A suspicion of the set-up stays. */
  answered(): void {
    if (this.downReason === undefined) return
    this.#refusal = undefined
    if (this.#guard.isSuspicious) return
    this.#suspicion = undefined
    this.#user.credentialAccepted()
    this.#emit({ event: 'route.up' })
  }

  /** A session has lasted, and the route owns nothing: no answer can end the suspicion of a proven route. */
  sessionLasted(): void {
    if (this.standing === 'proven') this.#guard.prove()
    this.answered()
  }

  /** Whether a refusal of APNs is evidence against the set-up of the route. */
  isEvidence({ kind, reason }: Refusal): boolean {
    // A sender that cleans up its list may meet hundreds of 410s in a row on a route that works.
    return kind === 'unregistered' ? !this.isProven : mayBlameRoute(reason)
  }

  /** The next answer waits for its place among those of all processes. Until then, no more are asked for. */
  doubted(): void {
    if (this.#guard.isSuspicious) this.#user.setupSuspected()
  }

  /**
   * APNs refused a token for a reason that a wrong set-up explains.
   * @param canBeTold false for a notification whose sender is gone: it is held back from the first on
   * @returns whether the set-up, and not the token, is at fault
   */
  suspects(token: string, reason: string, canBeTold: boolean): boolean {
    if (!this.#guard.suspects(token, this.#clock.now(), canBeTold)) return false
    this.#user.setupSuspected()
    if (this.#suspicion !== undefined) return true
    this.#suspicion = `${reason} for every token: wrong certificate, topic or environment?`
    this.#emit({ event: 'route.suspected', reason: this.#suspicion })
    return true
  }

  #limitInFlight(): void {
    this.#user.limitInFlight(this.isProven ? Infinity : unprovenInFlight)
  }
}
