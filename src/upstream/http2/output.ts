/** Collects the bytes of one turn of the event loop, and writes them as one buffer. */

/** Requests wait while so many bytes are collected or being written. */
const fullBytes = 256 * 1024

/** Bytes. Exceeded only if a peer requests acknowledgements and does not read them. */
const floodedBytes = 512 * 1024

/** Writes bytes, then calls `done`; until then the bytes do not change. */
export type Write = (bytes: Buffer, done: () => void) => void

/**
 * Uses two buffers in turn: one is written while the other is filled, so writes to a slow peer
 * become fewer and larger. Buffers grow and never shrink.
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

  /** @param drained called when the output is no longer {@link isFull} */
  constructor(write: Write, drained: () => void) {
    this.#write = write
    this.#drained = drained
  }

  /** Whether requests should wait, because the peer reads slowly or there are many in this turn. */
  get isFull(): boolean {
    return this.#length + this.#onItsWay >= fullBytes
  }

  /** Whether there are more bytes than requests and their bodies can cause. */
  get isFlooded(): boolean {
    return this.#length + this.#onItsWay >= floodedBytes
  }

  /** Bytes collected; the offset of the next byte in the buffer of {@link reserve}. */
  get length(): number {
    return this.#length
  }

  /** The buffer, with room for `bytes` more at {@link length}. */
  reserve(bytes: number): Buffer {
    const needed = this.#length + bytes
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    return this.#buffer
  }

  /** Schedules everything before `end` to be written. */
  commit(end: number): void {
    this.#length = end
    if (this.#scheduled || this.#onItsWay > 0 || this.#closed) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }

  /** Returns the collected bytes; ignores later commits. */
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
