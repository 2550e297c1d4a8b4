/** A sender of the binary protocol: writes notifications, then listens for what the gateway says. */
import type { TLSSocket } from 'node:tls'
import { encodeNotification } from '../binary/encoder.ts'
import {
  decodeErrorResponse,
  errorResponseBytes,
  type ErrorResponse,
} from '../binary/error-response.ts'
import type { Notification } from '../binary/notification.ts'
import type { Clock } from '../clock.ts'
import { openSenderSocket, type SenderOptions } from './sender-socket.ts'

/** How a gateway answered; silence is success. */
export type GatewayAnswer =
  | { readonly kind: 'silence' }
  | { readonly kind: 'error-response'; readonly response: ErrorResponse }
  | { readonly kind: 'closed' }

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

  /** Writes notifications back to back; resolves once they are handed to the system. */
  async send(notifications: readonly Omit<Notification, 'kind'>[]): Promise<void> {
    if (this.#ended) return
    const bytes = Buffer.concat(notifications.map(encodeNotification))
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
        if (!this.#ended && this.#answer.length < errorResponseBytes) return
        cancel()
        resolve()
      }
      this.#wake()
    })
    if (this.#answer.length === errorResponseBytes)
      return { kind: 'error-response', response: decodeErrorResponse(this.#answer) }
    return { kind: this.#ended ? 'closed' : 'silence' }
  }

  close(): void {
    this.#socket.end()
  }
}
