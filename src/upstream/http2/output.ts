/** Collects what one turn of the event loop brings, and writes it as one buffer. */

/** Requests wait while this much is collected or on its way, bytes. */
const fullBytes = 256 * 1024

/** Only a peer that asks for answers and never reads them causes more, bytes. */
const floodedBytes = 512 * 1024

/** Writes bytes, which stay unchanged until it calls `done`. */
export type Write = (bytes: Buffer, done: () => void) => void

/**
 * Uses two buffers in turn: one is on its way while the other is filled, so that writes to a slow
 * peer become fewer and larger. Each buffer keeps the largest size that it has needed.
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

  /** Whether requests should wait, because the peer reads slowly or this turn brings many. */
  get isFull(): boolean {
    return this.#length + this.#onItsWay >= fullBytes
  }

  /** Whether there is more than requests and their bodies can have caused. */
  get isFlooded(): boolean {
    return this.#length + this.#onItsWay >= floodedBytes
  }

  /** Bytes collected; the next ones belong here in the buffer of {@link reserve}. */
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

  /** Returns what is left to write; drops later commits. */
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
