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
 * One for each route. Counts the different tokens that APNs has rejected since it last accepted one,
 * however long that takes.
 */
export class SetupGuard {
  readonly #tokens = new Set<string>()
  #isProven: boolean
  #suspectedAtMs: number | undefined
  #isBelieved = false

  constructor(isProven: boolean) {
    this.#isProven = isProven
  }

  /** Whether APNs has accepted a notification with the present credential, topic and environment. */
  get isProven(): boolean {
    return this.#isProven
  }

  /** Whether the route is suspected, and not its tokens. */
  get isSuspicious(): boolean {
    return this.#suspectedAtMs !== undefined && !this.#isBelieved
  }

  /** Credential, topic or environment have changed. */
  restart(isProven: boolean): void {
    this.#isProven = isProven
    this.#forget()
  }

  /** APNs has accepted a notification, or the proven route owns nothing any more. */
  prove(): void {
    this.#isProven = true
    this.#forget()
  }

  /**
   * APNs rejected a notification.
   * @param canBeTold false if its sender cannot be told: an unproven route is suspected at once then
   * @returns whether the route is suspected instead of the token
   */
  suspects(token: string, nowMs: number, canBeTold = true): boolean {
    if (this.#isBelieved) return false
    if (this.#suspectedAtMs !== undefined) {
      this.#isBelieved = this.#isProven && nowMs - this.#suspectedAtMs >= doubtMs
      return !this.#isBelieved
    }
    this.#tokens.add(token)
    const most = this.#isProven ? provenTokens : canBeTold ? unprovenTokens : 1
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
