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
${routes.map((route) => routeText(route, directory)).join('\n')}`
}

function routeText(route: PlannedRoute, directory: string): string {
  const rows = [...credentialRows(route, directory), ...senderRows(route)]
  const lines = [
    `- name: ${scalar(route.name)}`,
    `  environment: ${route.environment}${otherEnvironment(route)}`,
    ...rows.map((row) => `  ${row}`),
  ]
  return lines.map((line) => `  ${line}\n`).join('')
}

function otherEnvironment({ environment, environments }: PlannedRoute): string {
  const other = environments.find((name) => name !== environment)
  return other === undefined ? '' : `  # or ${other}, for pushes to that environment`
}

function credentialRows({ credential, topic }: PlannedRoute, directory: string): string[] {
  const at = (file: string): string => scalar(pathFrom(directory, file))
  if (credential.kind === 'signing-key')
    return [
      `topic: ${scalar(topic)}`,
      `signingKey: ${at(credential.file)}`,
      `keyId: ${scalar(credential.keyId)}`,
      `teamId: ${scalar(credential.teamId)}`,
    ]
  const { keyFile, passphrase } = credential
  return [
    `# ${topic}, valid until ${dayOf(credential.certificate.notAfter)}`,
    `certificate: ${at(credential.file)}`,
    ...(keyFile === undefined ? [] : [`key: ${at(keyFile)}`]),
    ...(passphrase === undefined ? [] : [`passphraseFile: ${at(passphrase.file)}`]),
  ]
}

function senderRows({ senders }: PlannedRoute): string[] {
  if (senders.length === 0)
    return ['# The proxy recognises the sender by the key of this certificate.']
  return [
    '# Public keys of the senders’ certificates.',
    'senderCertificates:',
    ...senders.map(
      ({ certificate, file }) => `  - sha256:${certificate.publicKeySha256} # ${basename(file)}`,
    ),
  ]
}

/** A relative path, so that the folder can be moved; absolute on another drive. */
function pathFrom(directory: string, file: string): string {
  const path = relative(directory, file)
  return isAbsolute(path) ? path : path.replaceAll('\\', '/')
}

function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd()
}
