/** The temporary certificates of `simulate`: issued once, then reused. */
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { createAuthority, issueServerCertificate, type Issued } from '../credentials/authority.ts'

/** A server certificate, its key, and the path of the CA certificate that clients must trust. */
export interface SimulatorCertificates extends Issued {
  readonly certificateAuthorityPath: string
}

/**
 * Reads the certificates in `directory`; issues each that is missing, expires or lacks a host.
 * Only the owner can read the private keys.
 *
 * @throws Error that names the file and what to do
 */
export async function openCertificateFolder(
  directory: string,
  hosts: readonly string[],
  now: Date,
): Promise<SimulatorCertificates> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const authority = await open(
    join(directory, 'ca'),
    (certificate) => isValid(certificate, now),
    () => createAuthority('APNs simulator', now),
  )
  const signer = new X509Certificate(authority.certificatePem).publicKey
  const serves = (certificate: X509Certificate): boolean =>
    isValid(certificate, now) &&
    certificate.verify(signer) &&
    hosts.every((host) =>
      isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host),
    )
  const server = await open(join(directory, 'server'), serves, () =>
    issueServerCertificate(authority, hosts, now),
  )
  return { ...server, certificateAuthorityPath: join(directory, 'ca.pem') }
}

async function open(
  path: string,
  isGood: (certificate: X509Certificate) => boolean,
  issue: () => Promise<Issued>,
): Promise<Issued> {
  const [certificateFile, keyFile] = [`${path}.pem`, `${path}.key`]
  if (existsSync(certificateFile) && existsSync(keyFile)) {
    const certificatePem = readFileSync(certificateFile, 'utf8')
    if (isGood(parse(certificatePem, certificateFile)))
      return { certificatePem, keyPem: readFileSync(keyFile, 'utf8') }
  }
  const issued = await issue()
  // The key first: a crash between the two must not leave a certificate without its key.
  writeFileSync(keyFile, issued.keyPem, { mode: 0o600 })
  writeFileSync(certificateFile, issued.certificatePem)
  return issued
}

function parse(certificatePem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(certificatePem)
  } catch {
    throw new Error(
      `${file}: not a certificate; delete the file, and the simulator issues it again`,
    )
  }
}

/** Valid for at least a day, so that no certificate expires during a rehearsal. */
function isValid({ validTo }: X509Certificate, now: Date): boolean {
  return new Date(validTo).getTime() > now.getTime() + 24 * 60 * 60 * 1000
}
