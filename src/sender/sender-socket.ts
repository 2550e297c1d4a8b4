/** The connection of a legacy sender: to a gateway's notification port or to its feedback port. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../timing/clock.ts'

/** Where to connect, and as whom. */
export interface SenderOptions {
  readonly host: string
  readonly port: number
  /** PEM. */
  readonly certificatePem: string
  readonly keyPem: string
  /** PEM; the gateway's certificate is verified against it, else against Node's roots. */
  readonly certificateAuthority: string | undefined
  /** The name that the gateway's certificate must carry. */
  readonly serverName: string
}

/** Until a handshake has to be done, in milliseconds. */
const handshakeTimeoutMs = 10_000

/**
 * Connects as senders do, with TLS 1.2 at the most.
 * @throws the system's or OpenSSL's error when the handshake fails, and an Error when nobody
 * answers it within 10 seconds
 */
export async function openSenderSocket(options: SenderOptions, clock: Clock): Promise<TLSSocket> {
  const socket = connect({
    host: options.host,
    port: options.port,
    cert: options.certificatePem,
    key: options.keyPem,
    ...(options.certificateAuthority !== undefined && { ca: options.certificateAuthority }),
    servername: options.serverName,
    maxVersion: 'TLSv1.2',
  })
  const cancel = clock.after(handshakeTimeoutMs, () => {
    const problem = `${options.host}:${options.port} did not finish the TLS handshake in 10 seconds`
    socket.destroy(
      new Error(`${problem}: is that the port of a gateway? And does a firewall let it pass?`),
    )
  })
  try {
    await once(socket, 'secureConnect')
  } finally {
    cancel()
  }
  return socket
}
