/** The file of `--record`: one JSON line for each request. */
import { createWriteStream, type WriteStream } from 'node:fs'
import { once } from 'node:events'
import type { ReceivedNotification } from './provider-stream.ts'

/** Contains device tokens and payloads in clear, so only its owner can read it. */
export class RecordFile {
  readonly #stream: WriteStream

  private constructor(stream: WriteStream) {
    this.#stream = stream
  }

  /**
   * @param onError called if a line cannot be written; the file then receives no more lines
   * @throws the system's error if the file cannot be opened
   */
  static async open(path: string, onError: (error: Error) => void): Promise<RecordFile> {
    const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
    await once(stream, 'open')
    stream.on('error', onError)
    return new RecordFile(stream)
  }

  write(notification: ReceivedNotification): void {
    if (this.#stream.destroyed) return
    const payload = notification.payload.toString('utf8')
    this.#stream.write(`${JSON.stringify({ ...notification, payload })}\n`)
  }

  /** Resolves when every line is written. */
  async close(): Promise<void> {
    if (this.#stream.closed) return
    await new Promise<void>((resolve) => this.#stream.once('close', resolve).end())
  }
}
