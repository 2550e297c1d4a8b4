/** Writes the first configuration file, with comments for the operator. */
import { basename, isAbsolute, relative } from 'node:path'
import { stringify } from 'yaml'
import { dayOf } from '../credentials/certificate.ts'
import type { PlannedRoute } from './route-plan.ts'

/** Tells editors what the keys mean. */
const editorSchema = new URL('../../docs/configuration.schema.json', import.meta.url).href

/**
 * The whole file, with paths relative to its folder `directory`.
 * @param command starts this program there
 */
export function configurationText(
  command: string,
  directory: string,
  routes: readonly PlannedRoute[],
): string {
  return `# yaml-language-server: $schema=${editorSchema}
# apns-legacy-proxy. Every key, its default and its reason: docs/configuration.md
#   check:     ${command} check --config proxy.yaml
#   rehearse:  ${command} serve --config proxy.yaml --rehearse
#   run:       ${command} serve --config proxy.yaml

# Where senders connect. A sender that cannot do TLS 1.2 needs minVersion: TLSv1 on its listener.
listeners:
  - { kind: gateway, port: 2195 }
  - { kind: feedback, port: 2196 }

# The certificate that the proxy shows to senders: they have to trust tls/ca.pem.
tls:
  certificate: tls/server.pem
  key: tls/server.key

# Undelivered notifications and unregistered device tokens. The proxy creates this folder.
dataDirectory: data

# Senders, and the credentials that the proxy sends their notifications with.
routes:
${routes.map((route) => routeText(route, directory, routes)).join('\n')}`
}

/** Whether another route takes its certificate from the same file. */
function hasSibling({ credential }: PlannedRoute, routes: readonly PlannedRoute[]): boolean {
  return routes.filter((other) => other.credential.file === credential.file).length > 1
}

function routeText(route: PlannedRoute, directory: string, all: readonly PlannedRoute[]): string {
  const { name, environment, topic, credential, senders } = route
  const at = (file: string | undefined): string | undefined => file && pathFrom(directory, file)
  const own =
    credential.kind === 'certificate'
      ? {
          topic: hasSibling(route, all) ? topic : undefined,
          certificate: at(credential.file),
          key: at(credential.keyFile),
          passphraseFile: at(credential.passphrase?.file),
        }
      : {
          topic,
          signingKey: at(credential.file),
          keyId: credential.keyId,
          teamId: credential.teamId,
        }
  const keys = senders.map(({ certificate }) => `sha256:${certificate.publicKeySha256}`)
  const entry = { name, environment, ...own, senderCertificates: keys[0] && keys }
  const lines = [...remarks(route), ...stringify([entry], { lineWidth: 0 }).trimEnd().split('\n')]
  return lines.map((line) => `  ${line}\n`).join('')
}

function remarks({
  topic,
  environment,
  environments,
  credential,
  senders,
}: PlannedRoute): string[] {
  const end = credential.kind === 'certificate' ? credential.certificate.notAfter : undefined
  const other = environments.find((name) => name !== environment)
  const files = senders.map(({ file }) => basename(file)).join(', ')
  return [
    `# ${topic}${end === undefined ? '' : `, valid until ${dayOf(end)}`}`,
    ...(other === undefined ? [] : [`# For pushes to the other environment: ${other}.`]),
    files === ''
      ? '# The proxy recognises the sender by the key of this certificate.'
      : `# senderCertificates has the public keys of ${files}.`,
  ]
}

/** A relative path, so that the folder can be moved; absolute on another drive. */
function pathFrom(directory: string, file: string): string {
  const path = relative(directory, file)
  return isAbsolute(path) ? path : path.replaceAll('\\', '/')
}
