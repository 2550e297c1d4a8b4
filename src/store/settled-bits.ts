/** Which records of one journal entry are settled: bit `index & 7` of byte `index >> 3`. */

/** See the file's first line. A class for speed: one for each read from a sender. */
export class SettledBits {
  readonly #count: number
  #remaining: number
  #bits: Buffer | undefined

  /** @param count records of the entry */
  constructor(count: number) {
    this.#count = count
    this.#remaining = count
  }

  /** Records that are not settled. */
  get remaining(): number {
    return this.#remaining
  }

  /** Undefined while none is settled. */
  get bits(): Buffer | undefined {
    return this.#bits
  }

  has(index: number): boolean {
    return ((this.#bits?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** Whether it was not settled before, and is now. */
  add(index: number): boolean {
    if (index < 0 || index >= this.#count || this.has(index)) return false
    this.#bits ??= Buffer.alloc((this.#count + 7) >> 3)
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (1 << (index & 7))
    this.#remaining--
    return true
  }

  /** Adds what `bits` say. */
  merge(bits: Buffer): void {
    for (let index = 0; index < this.#count; index++)
      if (((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) this.add(index)
  }
}
