/** Tells a burst of bad tokens from a credential that has gone wrong (delivery contract, D11). */

const distinctTokens = 30
const withinMs = 60_000
/** How long the route is suspected. After that the tokens are taken for bad. */
const doubtMs = 300_000

const tokenReasons: readonly string[] = ['BadDeviceToken', 'DeviceTokenNotForTopic']
const topicReasons: readonly string[] = ['BadTopic', 'TopicDisallowed']

/** Whether a reason blames the token. */
export function blamesToken(reason: string): boolean {
  return tokenReasons.includes(reason)
}

/** Whether a wrong certificate, topic or environment gives a reason for every notification. */
export function mayBlameRoute(reason: string): boolean {
  return blamesToken(reason) || topicReasons.includes(reason)
}

/**
 * One for each route. Suspects the route, for five minutes at most, when 30 different tokens are
 * rejected within a minute and nothing is delivered between them.
 */
export class CredentialBreaker {
  readonly #tokens = new Set<string>()
  #sinceMs = 0
  #suspectedAtMs: number | undefined
  #convinced = false

  /** Whether the route is suspected. */
  get isActive(): boolean {
    return this.#suspectedAtMs !== undefined && !this.#convinced
  }

  /** A notification was delivered: the credential works. */
  cleared(): void {
    if (this.#tokens.size > 0) this.#tokens.clear()
    this.#suspectedAtMs = undefined
    this.#convinced = false
  }

  /** APNs rejected a notification. Returns whether the route is suspected instead of the token. */
  doubts(token: string, nowMs: number): boolean {
    if (this.#convinced) return false
    if (this.#suspectedAtMs !== undefined) {
      this.#convinced = nowMs - this.#suspectedAtMs >= doubtMs
      return !this.#convinced
    }
    if (this.#tokens.size === 0 || nowMs - this.#sinceMs >= withinMs) {
      this.#tokens.clear()
      this.#sinceMs = nowMs
    }
    this.#tokens.add(token)
    if (this.#tokens.size < distinctTokens) return false
    this.#suspectedAtMs = nowMs
    return true
  }
}
