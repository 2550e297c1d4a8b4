/** A sender of the binary protocol: writes notifications and waits for an error response. */
import type { TLSSocket } from 'node:tls'
import { encodeNotification } from '../binary/encoder.ts'
import {
  decodeErrorResponse,
  errorResponseBytes,
  type ErrorResponse,
} from '../binary/error-response.ts'
import type { Notification } from '../binary/notification.ts'
import type { Clock } from '../timing/clock.ts'
import { within } from '../timing/timer.ts'
import { openSenderSocket, type SenderOptions } from './sender-socket.ts'

/** How a gateway answered. `silence`: no error, so the notifications were accepted. */
export type GatewayAnswer =
  | { readonly kind: 'silence' }
  | { readonly kind: 'error-response'; readonly response: ErrorResponse }
  | { readonly kind: 'closed' }

/** Notifications in one write. */
const batchCount = 100

export class LegacySender {
  readonly #socket: TLSSocket
  #answer = Buffer.alloc(0)
  #ended = false
  /** Resolves when {@link isAnswered} becomes true. */
  readonly #answered: Promise<void>

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    this.#answered = new Promise((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        this.#answer = Buffer.concat([this.#answer, chunk]).subarray(0, errorResponseBytes)
        if (this.#answer.length === errorResponseBytes) resolve()
      })
      for (const event of ['end', 'finish', 'close', 'error'])
        socket.on(event, () => {
          this.#ended = true
          resolve()
        })
    })
  }

  /** @throws the system's or OpenSSL's error when the handshake fails */
  static async connect(options: SenderOptions, clock: Clock): Promise<LegacySender> {
    return new LegacySender(await openSenderSocket(options, clock))
  }

  /** Whether the gateway has sent an error response, or either side has closed the connection. */
  get isAnswered(): boolean {
    return this.#ended || this.#answer.length === errorResponseBytes
  }

  /**
   * Writes notifications until the gateway answers; resolves when the operating system has the
   * bytes.
   * @param progress called with the number of notifications in each write
   */
  async send(
    notifications: readonly Omit<Notification, 'kind'>[],
    progress: (count: number) => void = () => undefined,
  ): Promise<void> {
    for (let at = 0; at < notifications.length && !this.isAnswered; at += batchCount) {
      const batch = notifications.slice(at, at + batchCount)
      await this.write(Buffer.concat(batch.map(encodeNotification)))
      progress(batch.length)
    }
  }

  /** Writes bytes in separate TLS records; resolves when the operating system has the bytes. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#ended) return
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  /** Waits until the gateway answers or closes, or {@link close} is called, at most `waitMs`. */
  async listen(waitMs: number, clock: Clock): Promise<GatewayAnswer> {
    await within(clock, waitMs, this.#answered)
    if (this.#answer.length === errorResponseBytes)
      return { kind: 'error-response', response: decodeErrorResponse(this.#answer) }
    return { kind: this.#ended ? 'closed' : 'silence' }
  }

  close(): void {
    this.#socket.end()
  }
}
