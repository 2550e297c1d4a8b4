/** Lists the files that a configuration refers to. */
import { isPublicKey, type Parts } from './schema.ts'

/** A certificate, key, passphrase or token. */
export interface ReferencedFile {
  /** The key of the configuration, such as `routes[0].certificate`. */
  readonly key: string
  readonly path: string
  /** Other users must not read it. */
  readonly secret: boolean
}

/** In the order of the documentation. A file can occur twice. */
export function referencedFiles(parts: Parts): ReferencedFile[] {
  const { admin, alarms, tls, providerApi, storePasswordFile, storeCertificateAuthority } = parts
  const rows: (readonly [key: string, path: string | undefined, secret: boolean])[] = [
    ['admin.tokenFile', admin?.tokenFile, true],
    ['tls.certificate', tls?.certificate, false],
    ['tls.key', tls?.key, true],
    ['tls.passphraseFile', tls?.passphraseFile, true],
    ['providerApi.certificateAuthority', providerApi?.certificateAuthority, false],
    ['storePasswordFile', storePasswordFile, true],
    ['storeCertificateAuthority', storeCertificateAuthority, false],
    ['alarms.webhookSecretFile', alarms?.webhookSecretFile, true],
  ]
  for (const [index, route] of parts.routes.entries()) {
    const at = `routes[${index}]`
    rows.push(
      [`${at}.certificate`, route?.certificate, route?.key === undefined],
      [`${at}.key`, route?.key, true],
      [`${at}.passphraseFile`, route?.passphraseFile, true],
      [`${at}.signingKey`, route?.signingKey, true],
    )
    for (const sender of route?.senderCertificates ?? [])
      if (!isPublicKey(sender)) rows.push([`${at}.senderCertificates`, sender, false])
  }
  return rows.flatMap(([key, path, secret]) => (path === undefined ? [] : [{ key, path, secret }]))
}
