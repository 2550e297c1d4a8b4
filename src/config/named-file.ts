/** Which files a configuration names. */
import type { Parts } from './configuration.ts'

/** Paths of all certificates, keys and passphrases, each once. */
export function namedFiles({ tls, providerApi, routes }: Parts): string[] {
  const ofRoutes = routes.flatMap((entry) => [
    entry?.certificate,
    entry?.key,
    entry?.passphraseFile,
    entry?.signingKey,
    ...(entry?.senderCertificates ?? []).filter((sender) => !sender.startsWith('sha256:')),
  ])
  const all = [
    tls?.certificate,
    tls?.key,
    tls?.passphraseFile,
    providerApi?.certificateAuthority,
    ...ofRoutes,
  ]
  return [...new Set(all.filter((path) => path !== undefined))]
}
