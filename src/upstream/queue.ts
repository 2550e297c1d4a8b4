/** A queue whose operations take constant time on average. */

/** First in, first out. Releases a taken item at once; shortens the array every 1,024 items. */
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
