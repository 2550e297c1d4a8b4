/** The TLS connection of a legacy sender to a gateway or a feedback service. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../timing/clock.ts'
import { within } from '../timing/timer.ts'

/** In the names of `tls.connect`. */
export interface SenderOptions {
  readonly host: string
  readonly port: number
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** PEM; verifies the gateway's certificate. Undefined = the roots of Node. */
  readonly ca: string | undefined
  /** The name that the gateway's certificate must contain. */
  readonly servername: string
}

const handshakeTimeoutMs = 10_000

/**
 * Connects as senders do, with TLS 1.2 at most.
 * @throws the system's or OpenSSL's error when the handshake fails; an Error when it takes more
 * than 10 seconds
 */
export async function openSenderSocket(options: SenderOptions, clock: Clock): Promise<TLSSocket> {
  const socket = connect({ ...options, maxVersion: 'TLSv1.2' })
  const connected = await within(clock, handshakeTimeoutMs, once(socket, 'secureConnect'))
  if (connected !== undefined) return socket
  socket.destroy()
  const problem = `${options.host}:${options.port} did not finish the TLS handshake in 10 seconds`
  throw new Error(`${problem}: check the host, the port and the firewall`)
}
