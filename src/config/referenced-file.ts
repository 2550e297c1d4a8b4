/** Which files a configuration names. */
import type { Parts } from './configuration.ts'

/** Paths of all certificates, keys, passphrases and tokens, each once. */
export function referencedFiles({ admin, tls, providerApi, store, routes }: Parts): string[] {
  const ofRoutes = routes.flatMap((entry) => [
    entry?.certificate,
    entry?.key,
    entry?.passphraseFile,
    entry?.signingKey,
    ...(entry?.senderCertificates ?? []).filter((sender) => !sender.startsWith('sha256:')),
  ])
  const all = [
    admin?.tokenFile,
    tls?.certificate,
    tls?.key,
    tls?.passphraseFile,
    providerApi?.certificateAuthority,
    store?.storePasswordFile,
    store?.storeCertificateAuthority,
    ...ofRoutes,
  ]
  return [...new Set(all.filter((path) => path !== undefined))]
}
