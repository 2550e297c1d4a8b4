/**
 * Which TLS clients accept a certificate under the CA that `init` makes, and refuse a forged one: the table
 * in docs/getting-started.md. For each client that is installed, both forms of the extension are tried.
 */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import {
  createAuthority,
  issueServerCertificate,
  type Issued,
} from '../../src/credentials/authority.ts'
import { allAppleHosts } from '../../src/credentials/certificate.ts'
import { nameConstraints } from '../../src/credentials/name-constraints.ts'
import { folder } from '../fixtures/folder.ts'
import { isThere, tlsClients, type TlsClient } from '../fixtures/tls-client/clients.ts'

const now = new Date()
const appleHost = 'gateway.push.apple.com'
const address = '127.0.0.1'
/** Without constraints, each client accepts the forgeries. */
const severities = ['none', 'not critical', 'critical'] as const
const document = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8')
const rows = document.replaceAll(/ +/g, ' ')
const names = [...allAppleHosts]
const withAddress = [...allAppleHosts, address]

/** The certificates that a client meets: hosts of the CA, hosts of the server, the name it connects to. */
const cases = [
  { what: 'valid name', permitted: names, hosts: names, name: appleHost },
  { what: 'valid address', permitted: withAddress, hosts: withAddress, name: address },
  { what: 'forged name', permitted: names, hosts: ['localhost'], name: 'localhost' },
  { what: 'forged address', permitted: names, hosts: [address], name: address },
] as const

/** A server, and a client that connects to it. */
interface Meeting {
  readonly directory: string
  readonly ca: Issued
  readonly server: Issued
  readonly name: string
}

/** Whether the client sends anything: it does so only if it accepts the certificate. */
async function accepts(t: Test, client: TlsClient, meeting: Meeting): Promise<boolean> {
  const { directory, ca, server: identity, name } = meeting
  const file = join(directory, 'ca.pem')
  writeFileSync(file, ca.certificatePem)
  const { certificatePem: cert, keyPem: key } = identity
  const server = createServer({ cert, key, maxVersion: 'TLSv1.2' })
  t.teardown(() => server.close())
  const ended = new Promise<boolean>((resolve) => {
    server.on('connection', (socket: Socket) => socket.once('close', () => resolve(false)))
    server.on('tlsClientError', () => resolve(false))
    server.on('secureConnection', (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => resolve(true))
      socket.once('close', () => resolve(false))
    })
  })
  await once(server.listen(0), 'listening')
  const { port } = server.address() as AddressInfo
  const child = client.start({ ca: file, name, port })
  const gone = once(child, 'close')
  const isAccepted = await Promise.race([ended, gone.then(() => ended)])
  child.kill('SIGKILL')
  await gone
  return isAccepted
}

/** What each client meets, made once for all of them. */
const meetings = await Promise.all(
  severities.flatMap((severity) =>
    cases.map(async ({ what, permitted, hosts, name }) => {
      const constraints = severity === 'none' ? undefined : nameConstraints(permitted, severity)
      const ca = await createAuthority('Constrained', now, constraints)
      const server = await issueServerCertificate(ca, hosts, now)
      return { severity, what, ca, server, name }
    }),
  ),
)

for (const client of tlsClients)
  t.test(client.label, { skip: !isThere(client) }, async (t) => {
    const directory = folder(t)
    for (const meeting of meetings) {
      const { severity, what } = meeting
      const isAccepted = await accepts(t, client, { directory, ...meeting })
      const isForgery = what.startsWith('forged') && severity !== 'none'
      t.equal(isAccepted, !isForgery || client.ignoresConstraints === true, `${what}, ${severity}`)
    }
    const refuses = client.ignoresConstraints === true ? 'no' : 'yes'
    t.match(rows, `| ${client.label} | yes | ${refuses} |`, 'as the guide says')
  })
