/** The first configuration of an administrator: YAML with a word on every line that may puzzle. */
import { isAbsolute, relative } from 'node:path'
import { stringify } from 'yaml'
import type { PlannedRoute } from './route-plan.ts'

/**
 * The whole file; paths in it are relative to `directory`, where it will stand.
 * @param command how the user starts this program there
 */
export function configurationText(
  command: string,
  directory: string,
  routes: readonly PlannedRoute[],
): string {
  return `# apns-legacy-proxy. Every key, its default and its reason: docs/configuration.md
#   look:      ${command} check --config proxy.yaml
#   rehearse:  ${command} serve --config proxy.yaml --rehearse
#   run:       ${command} serve --config proxy.yaml

# Where senders connect. A sender that cannot do TLS 1.2 needs minVersion: TLSv1 on its listener.
listeners:
  - { kind: gateway, port: 2195 }
  - { kind: feedback, port: 2196 }

# What senders are shown: they have to trust tls/ca.pem.
tls:
  certificate: tls/server.pem
  key: tls/server.key

# Notifications on their way, and device tokens that are gone. Made when it is needed.
dataDirectory: data

# Who sends, and as whom it is sent on.
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
    `# ${topic}, valid until ${credential.notAfter.toISOString().slice(0, 10)}`,
    `certificate: ${at(credential.file)}`,
    ...(keyFile === undefined ? [] : [`key: ${at(keyFile)}`]),
    ...(passphrase === undefined ? [] : [`passphraseFile: ${at(passphrase.file)}`]),
  ]
}

function senderRows({ senders }: PlannedRoute): string[] {
  if (senders.length === 0)
    return ['# The sender is recognised by the key of that same certificate.']
  return [
    '# Keys of the certificates that the senders show.',
    'senderCertificates:',
    ...senders.map(({ publicKeySha256, comment }) => `  - sha256:${publicKeySha256} # ${comment}`),
  ]
}

/** Relative, so that the folder can be moved; absolute where no relative one leads there. */
function pathFrom(directory: string, file: string): string {
  const path = relative(directory, file)
  return isAbsolute(path) ? path : path.replaceAll('\\', '/')
}

function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd()
}
