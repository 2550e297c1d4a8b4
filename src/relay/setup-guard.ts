/** Tells bad tokens from a route that is set up wrongly (delivery contract, D11 and D17). */

/** An unproven route is suspected when so many different tokens in a row are rejected. */
const unprovenTokens = 3
/** The same for a route that has delivered with its credential, topic and environment. */
const provenTokens = 30
/** How long a proven route is suspected. After that, the proxy believes that the tokens are bad. */
const doubtMs = 300_000

const tokenReasons: readonly string[] = ['BadDeviceToken', 'DeviceTokenNotForTopic']
const routeReasons: readonly string[] = ['BadTopic', 'TopicDisallowed', 'MissingTopic', 'BadPath']

/** Whether a reason blames the token, so that the proxy remembers the token as bad. */
export function blamesToken(reason: string): boolean {
  return tokenReasons.includes(reason)
}

/** Whether a wrong certificate, topic or environment gives this reason for every notification. */
export function mayBlameRoute(reason: string): boolean {
  return blamesToken(reason) || routeReasons.includes(reason)
}

/**
 * What is known of the present credential, topic and environment. `proven`: APNs has accepted a
 * notification with them. `overruled`: an operator says that they are right and the tokens bad, and APNs
 * has accepted no notification since.
 */
export type Standing = 'unproven' | 'overruled' | 'proven'

/**
 * One for each route. Counts the different tokens that APNs has rejected since it last accepted one,
 * however long that takes.
 */
export class SetupGuard {
  readonly #tokens = new Set<string>()
  #standing: Standing = 'unproven'
  #suspectedAtMs: number | undefined
  #isBelieved = false
  #overruledAtMs = -Infinity

  constructor(standing: Standing, nowMs: number) {
    this.restart(standing, nowMs)
  }

  get standing(): Standing {
    return this.#standing
  }

  /** Whether the route is suspected, and not its tokens. */
  get isSuspicious(): boolean {
    return this.#suspectedAtMs !== undefined && !this.#isBelieved
  }

  /** Credential, topic or environment have changed. */
  restart(standing: Standing, nowMs: number): void {
    this.#standing = standing
    this.#forget()
    this.#isBelieved = standing === 'overruled'
    this.#overruledAtMs = this.#isBelieved ? nowMs : -Infinity
  }

  /** APNs has accepted a notification, or the proven route owns nothing any more. */
  prove(): void {
    this.#standing = 'proven'
    this.#forget()
  }

  /** Whether an operator has overruled the suspicion since this time: its rejection is believed. */
  isOverruled(receivedAtMs: number): boolean {
    return receivedAtMs <= this.#overruledAtMs
  }

  /**
   * APNs rejected a notification.
   * @param canBeTold false if its sender cannot be told: an unproven route is suspected at once then
   * @returns whether the route is suspected instead of the token
   */
  suspects(token: string, nowMs: number, canBeTold = true): boolean {
    if (this.#isBelieved) return false
    if (this.#suspectedAtMs !== undefined) {
      this.#isBelieved = this.#standing !== 'unproven' && nowMs - this.#suspectedAtMs >= doubtMs
      return !this.#isBelieved
    }
    this.#tokens.add(token)
    const most = this.#standing !== 'unproven' ? provenTokens : canBeTold ? unprovenTokens : 1
    if (this.#tokens.size < most) return false
    this.#suspectedAtMs = nowMs
    return true
  }

  #forget(): void {
    if (this.#tokens.size > 0) this.#tokens.clear()
    this.#suspectedAtMs = undefined
    this.#isBelieved = false
  }
}
