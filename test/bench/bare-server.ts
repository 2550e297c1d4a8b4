/** The least that a TLS server can do for a connection: shake hands, read to the end, close. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import type { Issued } from '../../src/credentials/authority.ts'

process.on('disconnect', () => process.exit())
const [{ tls }] = (await once(process, 'message')) as [{ readonly tls: Issued }]
const server = createServer(
  {
    cert: tls.certificatePem,
    key: tls.keyPem,
    maxVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: false,
    allowHalfOpen: true,
  },
  (socket) => {
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    socket.resume()
  },
)
await once(server.listen(0, '127.0.0.1'), 'listening')
process.send?.((server.address() as AddressInfo).port)
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.((user + system) / 1e6)
})
