/** Tokens that APNs rejected as bad. The proxy answers them itself for an hour (delivery contract, D7). */

const rememberedMs = 3_600_000

/** Apple counts such errors against the sender. — source: Apple, "Handling notification responses from APNs" */
export class BadTokenCache {
  readonly #maxTokens: number
  /** In the order remembered, so the oldest is the first. */
  readonly #tokens = new Map<string, { readonly reason: string; readonly untilMs: number }>()

  /** @param maxTokens the oldest are forgotten beyond */
  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens
  }

  /** APNs rejected a token. */
  add(token: string, reason: string, nowMs: number): void {
    this.#tokens.delete(token)
    this.#tokens.set(token, { reason, untilMs: nowMs + rememberedMs })
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size > this.#maxTokens && oldest !== undefined) this.#tokens.delete(oldest)
  }

  /** The reason for which APNs rejected a token; undefined after an hour. */
  reasonFor(token: string, nowMs: number): string | undefined {
    const entry = this.#tokens.get(token)
    if (entry === undefined) return undefined
    if (nowMs < entry.untilMs) return entry.reason
    this.#tokens.delete(token)
    return undefined
  }

  /** The credential was at fault, not the tokens. */
  clear(): void {
    this.#tokens.clear()
  }
}
