/** A file with everything that the simulator received, one JSON object a line. */
import { createWriteStream, type WriteStream } from 'node:fs'
import { once } from 'node:events'
import type { ReceivedNotification } from './provider-stream.ts'

/** Device tokens and payloads are in it in clear: only its owner may read it. */
export class RecordFile {
  readonly #stream: WriteStream

  private constructor(stream: WriteStream) {
    this.#stream = stream
  }

  /**
   * Opens `path` for appending.
   *
   * @param onError called when a line cannot be written; nothing is recorded after that.
   * @throws the system's error when the file cannot be opened
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

  /** Resolves when every line is in the file. */
  async close(): Promise<void> {
    if (this.#stream.closed) return
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve).end()
    })
  }
}
