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
  #room: number
  #queue: string[] = []
  #isOver = false
  #isBusy = false
  #handle: FileHandle | undefined
  #wholeBytes = 0

  /** @param path must not exist; created with the first line, readable by its owner only */
  constructor(path: string, maxBytes: number, observer: CaptureFileObserver) {
    this.#path = path
    this.#room = maxBytes - lastLine.length
    this.#observer = observer
  }

  /** Whether further lines are dropped. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Appends complete lines; if they do not fit, appends {@link lastLine} and stops. */
  append(lines: string): void {
    if (this.#isOver || lines === '') return
    this.#room -= Buffer.byteLength(lines)
    this.#queue.push(this.#room < 0 ? lastLine : lines)
    if (this.#room < 0) {
      this.#isOver = true
      this.#observer.full(this.#path)
    }
    void this.#write()
  }

  /** Closes the file once all lines are written. */
  close(): void {
    this.#isOver = true
    void this.#write()
  }

  async #write(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      while (this.#queue.length > 0) {
        const bytes = Buffer.from(this.#queue.splice(0).join(''))
        this.#handle ??= await open(this.#path, 'wx', 0o600)
        await this.#handle.appendFile(bytes)
        this.#wholeBytes += bytes.length
      }
      if (this.#isOver) await this.#closeHandle()
    } catch (error) {
      await this.#giveUp(error)
    } finally {
      this.#isBusy = false
    }
  }

  /** Removes a partly written line, so that the capture stays readable after the disk was full. */
  async #giveUp(error: unknown): Promise<void> {
    this.#isOver = true
    this.#queue = []
    await this.#handle?.truncate(this.#wholeBytes).catch(() => undefined)
    await this.#closeHandle().catch(() => undefined)
    this.#observer.failed(this.#path, error)
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}
