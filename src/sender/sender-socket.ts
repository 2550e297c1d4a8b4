/** The TLS connection of a legacy sender to a gateway or a feedback service. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../timing/clock.ts'

export interface SenderOptions {
  readonly host: string
  readonly port: number
  /** PEM. */
  readonly certificatePem: string
  readonly keyPem: string
  /** PEM; verifies the gateway's certificate. Undefined = the roots of Node. */
  readonly certificateAuthority: string | undefined
  /** The name that the gateway's certificate must contain. */
  readonly serverName: string
}

const handshakeTimeoutMs = 10_000

/**
 * Connects as senders do, with TLS 1.2 at most.
 * @throws the system's or OpenSSL's error when the handshake fails; an Error when it takes more
 * than 10 seconds
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
    socket.destroy(new Error(`${problem}: check the host, the port and the firewall`))
  })
  try {
    await once(socket, 'secureConnect')
  } finally {
    cancel()
  }
  return socket
}
