/** Appends to a capture file of limited size; errors never reach the caller. */
import { createWriteStream, type WriteStream } from 'node:fs'
import { truncate } from 'node:fs/promises'

export type CaptureFileEvent =
  /** The file has reached its maximum size. */
  | { readonly event: 'capture.full'; readonly file: string }
  /** Writing failed and stops. The file ends with a complete line. */
  | { readonly event: 'capture.failed'; readonly file: string; readonly error: unknown }

const lastLine = '# stopped here: the file has reached its maximum size\n'

/** Never blocks the caller: it queues at most `maxBytes`. */
export class CaptureFile {
  readonly #path: string
  readonly #emit: (event: CaptureFileEvent) => void
  #remainingBytes: number
  #isClosed = false
  #stream: WriteStream | undefined
  /** Of complete lines; undefined while the file is not open. */
  #writtenBytes: number | undefined

  /** @param path must not exist; created with the first line, readable by its owner only */
  constructor(path: string, maxBytes: number, emit: (event: CaptureFileEvent) => void) {
    this.#path = path
    this.#remainingBytes = maxBytes - lastLine.length
    this.#emit = emit
  }

  /** Whether further lines are dropped. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Appends complete lines; if they do not fit, appends {@link lastLine} and stops. */
  append(lines: string): void {
    if (this.#isClosed || lines === '') return
    const bytes = Buffer.byteLength(lines)
    this.#remainingBytes -= bytes
    this.#stream ??= this.#open()
    if (this.#remainingBytes >= 0) {
      this.#stream.write(lines, (error) => {
        if (!error) this.#writtenBytes = (this.#writtenBytes ?? 0) + bytes
      })
      return
    }
    this.#stream.write(lastLine)
    this.close()
    this.#emit({ event: 'capture.full', file: this.#path })
  }

  /** Closes the file once all lines are written. */
  close(): void {
    this.#isClosed = true
    this.#stream?.end()
  }

  #open(): WriteStream {
    return createWriteStream(this.#path, { flags: 'wx', mode: 0o600 })
      .on('open', () => (this.#writtenBytes = 0))
      .on('error', (error) => void this.#fail(error))
  }

  /** Removes a partly written line, so that the capture stays readable after the disk was full. */
  async #fail(error: unknown): Promise<void> {
    this.#isClosed = true
    if (this.#writtenBytes !== undefined)
      await truncate(this.#path, this.#writtenBytes).catch(() => undefined)
    this.#emit({ event: 'capture.failed', file: this.#path, error })
  }
}
