/** The streams in flight of one connection. */
import type { Stream } from './stream.ts'

/**
 * Finds a stream by its identifier in an array, because identifiers are consecutive. With a Map the
 * connection takes a third more CPU time: tables that a Map has outgrown keep ended streams alive
 * until the next full garbage collection.
 */
export class StreamTable {
  /** In the order opened; undefined once the stream has ended. */
  readonly #slots: (Stream | undefined)[] = []
  /** The identifier that belongs to the first slot. */
  #firstId: number
  /** All slots before this one are empty. */
  #head = 0
  #size = 0

  /** @param firstId odd */
  constructor(firstId: number) {
    this.#firstId = firstId
  }

  get size(): number {
    return this.#size
  }

  /** In the order opened. */
  get all(): readonly Stream[] {
    return this.#slots.filter((stream) => stream !== undefined)
  }

  get(id: number): Stream | undefined {
    return this.#slots[(id - this.#firstId) / 2]
  }

  /** Adds the next stream: its identifier is the last one plus 2. */
  add(stream: Stream): void {
    this.#slots.push(stream)
    this.#size++
  }

  delete({ id }: Stream): void {
    this.#slots[(id - this.#firstId) / 2] = undefined
    this.#size--
    while (this.#head < this.#slots.length && this.#slots[this.#head] === undefined) this.#head++
    if (this.#head < 1024) return
    this.#slots.splice(0, this.#head)
    this.#firstId += 2 * this.#head
    this.#head = 0
  }
}
