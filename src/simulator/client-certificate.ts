/** Which topics the certificate of a TLS client permits in the simulated environment. */
import type { TLSSocket } from 'node:tls'
import {
  readCertificate,
  type Environment,
  type PushCertificate,
} from '../credentials/certificate.ts'
import type { Reason } from './reason.ts'
import type { Credential } from './request-check.ts'

/** The credential of a connection; `none` if its client sent no certificate. */
export function clientCredential(
  socket: TLSSocket,
  environment: Environment,
  nowMs: number,
): Credential {
  const der = socket.getPeerX509Certificate()?.raw
  if (der === undefined) return { kind: 'none' }
  const certificate = read(der)
  const fault = certificateFault(certificate, environment, nowMs)
  return { kind: 'certificate', topics: certificate?.topics ?? [], fault }
}

function read(der: Buffer): PushCertificate | undefined {
  try {
    return readCertificate(der)
  } catch {
    return undefined
  }
}

/**
 * Why a certificate may not send: it is no push certificate, has expired, or is for the other
 * environment. Any CA may have signed it.
 * — source: Apple, "Handling notification responses from APNs"
 */
export function certificateFault(
  certificate: PushCertificate | undefined,
  environment: Environment,
  nowMs: number,
): Reason | undefined {
  if (certificate === undefined || certificate.topics.length === 0) return 'BadCertificate'
  if (certificate.notAfter.getTime() < nowMs) return 'BadCertificate'
  return certificate.environments.includes(environment) ? undefined : 'BadCertificateEnvironment'
}
