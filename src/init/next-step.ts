/** Prints the next steps after `init`, with the paths and names of this set-up. */
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { appleHosts, dayOf } from '../credentials/certificate.ts'
import type { PlannedRoute } from './route-plan.ts'

export interface SetUp {
  /** Starts this program. */
  readonly command: string
  readonly directory: string
  readonly written: readonly string[]
  readonly routes: readonly PlannedRoute[]
  /** The given names and addresses of this machine. */
  readonly hosts: readonly string[]
}

/** At most 80 columns, except for long paths. */
export function nextSteps({ command, directory, written, routes, hosts }: SetUp): string {
  const at = (file: string): string => join(directory, file)
  const environments = new Set(routes.map(({ environment }) => environment))
  const address = addressOf(hosts)
  const names = [...environments].flatMap((name) => appleHosts[name])
  return `Written: ${written.map(at).join(', ')}

${routes.map(routeLine).join('\n')}

${written.includes('tls/ca.key') ? 'Next:' : renewal(at)}

1. Let the sender trust ${at('tls/ca.pem')}. Copy this one file to its machine:
     Java      keytool -importcert -alias apns-legacy-proxy -file ca.pem
                 -keystore FILE   (its trust store, often lib/security/cacerts)
     Windows   certutil -addstore Root ca.pem
     Debian    cp ca.pem /usr/local/share/ca-certificates/apns-proxy.crt
                 and update-ca-certificates

2. Point these names to this machine, in the sender's hosts file or its DNS:
${names.map((name) => `     ${address} ${name}`).join('\n')}

3. Check, then run:
     ${command} check --config ${at('proxy.yaml')}
     ${command} serve --config ${at('proxy.yaml')}
   To try it first: serve --rehearse talks to a simulator instead of Apple.

docs/getting-started.md explains every step, and how to go back.`
}

/** For an existing CA. */
function renewal(at: (file: string) => string): string {
  return `To renew a server certificate, move these two in place of the old ones, and
remove the rest:
     ${at('tls/server.pem')}
     ${at('tls/server.key')}

For another proxy, next:`
}

function routeLine({ name, topic, environment, credential }: PlannedRoute): string {
  const until =
    credential.kind === 'certificate'
      ? `, valid until ${dayOf(credential.certificate.notAfter)}`
      : ''
  return `  ${name}: ${topic}\n    ${environment}${until}`
}

/** The given address, or else the first one that other machines can reach. */
function addressOf(hosts: readonly string[]): string {
  const outward = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')
  return hosts.find((host) => isIPv4(host)) ?? outward?.address ?? 'ADDRESS-OF-THIS-MACHINE'
}
