/** A sender of the binary protocol: writes notifications, then listens for what the gateway says. */
import type { TLSSocket } from 'node:tls'
import { encodeNotification } from '../binary/encoder.ts'
import {
  decodeErrorResponse,
  errorResponseBytes,
  type ErrorResponse,
} from '../binary/error-response.ts'
import type { Notification } from '../binary/notification.ts'
import type { Clock } from '../timing/clock.ts'
import { openSenderSocket, type SenderOptions } from './sender-socket.ts'

/** How a gateway answered; silence is success. */
export type GatewayAnswer =
  | { readonly kind: 'silence' }
  | { readonly kind: 'error-response'; readonly response: ErrorResponse }
  | { readonly kind: 'closed' }

/** Notifications in one write. */
const batchCount = 100

/** One connection to a gateway. */
export class LegacySender {
  readonly #socket: TLSSocket
  #answer = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#answer = Buffer.concat([this.#answer, chunk]).subarray(0, errorResponseBytes)
      this.#wake()
    })
    for (const event of ['end', 'close', 'error'])
      socket.on(event, () => {
        this.#ended = true
        this.#wake()
      })
  }

  /** @throws the system's or OpenSSL's error when the handshake fails */
  static async connect(options: SenderOptions, clock: Clock): Promise<LegacySender> {
    return new LegacySender(await openSenderSocket(options, clock))
  }

  /** Whether the gateway has said what it has to say: an error response, or that it closes. */
  get isAnswered(): boolean {
    return this.#ended || this.#answer.length === errorResponseBytes
  }

  /**
   * Writes notifications back to back, as far as the gateway does not answer meanwhile; resolves
   * once they are handed to the system.
   * @param progress hears how many are
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

  /** Writes bytes as they are, in TLS records of their own; resolves as {@link send} does. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#ended) return
    await new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => {
        resolve()
      })
    })
  }

  /** Waits until the gateway answers or closes, or until `waitMs` of silence have passed. */
  async listen(waitMs: number, clock: Clock): Promise<GatewayAnswer> {
    await new Promise<void>((resolve) => {
      const cancel = clock.after(waitMs, resolve)
      this.#wake = () => {
        if (!this.isAnswered) return
        cancel()
        resolve()
      }
      this.#wake()
    })
    if (this.#answer.length === errorResponseBytes)
      return { kind: 'error-response', response: decodeErrorResponse(this.#answer) }
    return { kind: this.#ended ? 'closed' : 'silence' }
  }

  /** Ends whoever listens as well. */
  close(): void {
    this.#ended = true
    this.#wake()
    this.#socket.end()
  }
}
