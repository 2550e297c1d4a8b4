/** A capture as it grows on disk: bounded, and without consequence for whoever writes into it. */
import { open, type FileHandle } from 'node:fs/promises'

/** Hears what became of a file. */
export interface CaptureFileObserver {
  /** It has as many bytes as it may have. */
  full(path: string): void
  /** Nothing more is written; what is there ends with a whole line. */
  failed(path: string, error: unknown): void
}

const lastLine = '# stopped here: the file has as many bytes as it may have\n'

/** Takes lines without ever making its caller wait, since it keeps at most `maxBytes` of them. */
export class CaptureFile {
  readonly #path: string
  readonly #observer: CaptureFileObserver
  #room: number
  #queue: string[] = []
  #isOver = false
  #isBusy = false
  #handle: FileHandle | undefined
  #wholeBytes = 0

  /** @param path made at the first line, for its owner alone; must not exist */
  constructor(path: string, maxBytes: number, observer: CaptureFileObserver) {
    this.#path = path
    this.#room = maxBytes - lastLine.length
    this.#observer = observer
  }

  /** Whether further lines are dropped. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Writes whole lines, or the last one instead where they do not fit. */
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

  /** No line follows. */
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

  /** Cuts off what a full disk has left of a line, so that the rest can be read. */
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
