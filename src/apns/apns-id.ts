/** Generates apns-ids in batches: a call of `randomUUID` takes as long as HPACK for a request. */
import { randomBytes } from 'node:crypto'

const batchCount = 256

/** Version 4, variant 1; each x is random. — source: RFC 9562, 5.4 */
const layout = 'xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx'
const placeholder = 'x'.charCodeAt(0)

export class ApnsIdSource {
  /** A batch, without separators. */
  #ids = ''
  #at = 0

  next(): string {
    if (this.#at === this.#ids.length) {
      this.#ids = makeIds()
      this.#at = 0
    }
    const start = this.#at
    this.#at += layout.length
    return this.#ids.slice(start, this.#at)
  }
}

function makeIds(): string {
  const ids = Buffer.from(layout.repeat(batchCount))
  const digits = Buffer.from(randomBytes(ids.length >> 1).toString('hex'))
  for (let at = 0; at < ids.length; at++)
    if (ids[at] === placeholder) ids[at] = digits[at] ?? placeholder
  return ids.toString('latin1')
}
