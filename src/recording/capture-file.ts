/** Appends to a capture file of limited size; errors never reach the caller. */
import { open, type FileHandle } from 'node:fs/promises'

export interface CaptureFileObserver {
  /** The file has reached its maximum size. */
  full(path: string): void
  /** Writing failed and stops. The file ends with a complete line. */
  failed(path: string, error: unknown): void
}

const lastLine = '# stopped here: the file has reached its maximum size\n'

/** Never blocks the caller: it queues at most `maxBytes`. */
export class CaptureFile {
  readonly #path: string
  readonly #observer: CaptureFileObserver
  #remainingBytes: number
  #queue: string[] = []
  #isClosed = false
  #isWriting = false
  #handle: FileHandle | undefined
  #writtenBytes = 0

  /** @param path must not exist; created with the first line, readable by its owner only */
  constructor(path: string, maxBytes: number, observer: CaptureFileObserver) {
    this.#path = path
    this.#remainingBytes = maxBytes - lastLine.length
    this.#observer = observer
  }

  /** Whether further lines are dropped. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Appends complete lines; if they do not fit, appends {@link lastLine} and stops. */
  append(lines: string): void {
    if (this.#isClosed || lines === '') return
    this.#remainingBytes -= Buffer.byteLength(lines)
    this.#queue.push(this.#remainingBytes < 0 ? lastLine : lines)
    if (this.#remainingBytes < 0) {
      this.#isClosed = true
      this.#observer.full(this.#path)
    }
    void this.#write()
  }

  /** Closes the file once all lines are written. */
  close(): void {
    this.#isClosed = true
    void this.#write()
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return
    this.#isWriting = true
    try {
      while (this.#queue.length > 0) {
        const bytes = Buffer.from(this.#queue.splice(0).join(''))
        this.#handle ??= await open(this.#path, 'wx', 0o600)
        await this.#handle.appendFile(bytes)
        this.#writtenBytes += bytes.length
      }
      if (this.#isClosed) await this.#closeHandle()
    } catch (error) {
      await this.#fail(error)
    } finally {
      this.#isWriting = false
    }
  }

  /** Removes a partly written line, so that the capture stays readable after the disk was full. */
  async #fail(error: unknown): Promise<void> {
    this.#isClosed = true
    this.#queue = []
    await this.#handle?.truncate(this.#writtenBytes).catch(() => undefined)
    await this.#closeHandle().catch(() => undefined)
    this.#observer.failed(this.#path, error)
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}
