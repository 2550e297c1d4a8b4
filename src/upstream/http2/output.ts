/** What is to be written: collected over one turn of the event loop, then written as one buffer. */

/** Requests wait while so much is collected or on its way, bytes. */
const fullBytes = 256 * 1024

/** Only a peer that asks for answers and never reads them gets so far, bytes. */
const floodedBytes = 512 * 1024

/** Writes bytes of which nothing may change until `done` is called. */
export type Write = (bytes: Buffer, done: () => void) => void

/**
 * Two buffers in turn: one is on its way while the other is filled, so a slow peer makes for fewer
 * and larger writes. Each grows to what it had to hold once.
 */
export class Output {
  readonly #write: Write
  readonly #drained: () => void
  #buffer = Buffer.allocUnsafeSlow(16 * 1024)
  #length = 0
  #spare = Buffer.allocUnsafeSlow(16 * 1024)
  #onItsWay = 0
  #scheduled = false
  #closed = false

  /** @param drained called when it {@link isFull} no longer */
  constructor(write: Write, drained: () => void) {
    this.#write = write
    this.#drained = drained
  }

  /** Whether the peer is so slow, or the turn so busy, that requests had better wait. */
  get isFull(): boolean {
    return this.#length + this.#onItsWay >= fullBytes
  }

  /** Whether there is more than requests and bodies can have brought. */
  get isFlooded(): boolean {
    return this.#length + this.#onItsWay >= floodedBytes
  }

  /** Bytes collected: where in {@link reserve}'s buffer to begin. */
  get length(): number {
    return this.#length
  }

  /** The buffer, with room for `bytes` more behind {@link length}. */
  reserve(bytes: number): Buffer {
    const needed = this.#length + bytes
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    return this.#buffer
  }

  /** Everything before `end` is to be written. */
  commit(end: number): void {
    this.#length = end
    if (this.#scheduled || this.#onItsWay > 0 || this.#closed) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }

  /** What is collected, to be written last; later commits go nowhere. */
  close(): Buffer {
    this.#closed = true
    return this.#buffer.subarray(0, this.#length)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    if (this.#closed || this.#length === 0) return
    const bytes = this.#buffer.subarray(0, this.#length)
    ;[this.#buffer, this.#spare] = [this.#spare, this.#buffer]
    this.#onItsWay = this.#length
    this.#length = 0
    this.#write(bytes, this.#written)
  }

  readonly #written = (): void => {
    const { isFull } = this
    this.#onItsWay = 0
    this.#flush()
    if (isFull && !this.isFull && !this.#closed) this.#drained()
  }
}
