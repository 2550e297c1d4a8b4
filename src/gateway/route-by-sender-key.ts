/** Which route a sender belongs to: told by the public key of its certificate, nothing else. */
import { createHash, X509Certificate } from 'node:crypto'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { Environment } from '../credentials/certificate.ts'

/** What a registry needs to know of a route. */
export interface Admission {
  readonly environment: Environment
  /** Hex SHA-256 of the DER SubjectPublicKeyInfo of each certificate that admits a sender. */
  readonly senderKeys: readonly string[]
}

/** Who a peer is, as far as its certificate tells. */
export interface SenderCertificate {
  readonly subject: string
  /** Hex SHA-256 of the DER SubjectPublicKeyInfo. */
  readonly publicKeySha256: string
  /** Hex SHA-256 of the certificate. */
  readonly fingerprint256: string
  readonly notAfter: Date
}

/** Certificates that are remembered; there is one for each sender, and strangers may bring more. */
const mostKnown = 1000

/**
 * Reads the certificate of a finished handshake. TLS itself has proven that the peer holds the key,
 * and a resumed session keeps the certificate. To take a public key apart costs as much as half a
 * handshake, so it is done once for each certificate.
 */
export class CertificateReader {
  /** By the bytes of the certificate. */
  #known = new Map<string, SenderCertificate>()

  /** Undefined where the peer presented none. */
  read(socket: TLSSocket): SenderCertificate | undefined {
    // Half as dear as getPeerX509Certificate(); its type does not say that it may be empty.
    const { raw } = socket.getPeerCertificate() as Partial<PeerCertificate>
    if (raw === undefined) return undefined
    const bytes = raw.toString('latin1')
    const known = this.#known.get(bytes)
    if (known !== undefined) return known
    const read = describe(new X509Certificate(raw))
    if (this.#known.size >= mostKnown) this.#known = new Map()
    this.#known.set(bytes, read)
    return read
  }
}

function describe(certificate: X509Certificate): SenderCertificate {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    publicKeySha256: createHash('sha256').update(spki).digest('hex'),
    fingerprint256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfter: new Date(certificate.validTo),
  }
}

/** Finds the route of a key; one key may have a route in each environment. */
export class RouteBySenderKey<Route extends Admission> {
  readonly #routes = new Map<string, Route[]>()

  constructor(routes: readonly Route[]) {
    for (const route of routes)
      for (const key of route.senderKeys)
        this.#routes.set(key, [...(this.#routes.get(key) ?? []), route])
  }

  /** The route of a sender; a listener's environment, where it has one, decides between two. */
  find(publicKeySha256: string, environment: Environment | undefined): Route | undefined {
    return this.#routes
      .get(publicKeySha256)
      ?.find((route) => environment === undefined || route.environment === environment)
  }
}
