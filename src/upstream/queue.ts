/** A queue whose length does not slow it down. */

/** First in, first out. Drops a taken item at once, and its place in the array from time to time. */
export class Queue<T> {
  readonly #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head >= 1024) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    return item
  }
}
