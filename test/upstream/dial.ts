/** The choice among the addresses of a name. end-to-end/http-proxy.ts tests proxies. */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import t, { type Test } from 'tap'
import { dial } from '../../src/upstream/dial.ts'
import type { SessionTarget } from '../../src/upstream/session.ts'

async function listen(t: Test, host: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume())
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

function targetAt(origin: string, random: () => number = Math.random): SessionTarget {
  return {
    origin,
    certificate: undefined,
    certificateAuthority: undefined,
    providerToken: undefined,
    proxy: undefined,
    random,
  }
}

async function connected(t: Test, target: SessionTarget): Promise<Socket> {
  const socket = await new Promise<Socket>((dialled, reject) => {
    dial(target, {
      dialled,
      failed: (cause) => {
        reject(new Error(cause))
      },
    })
  })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const isIpv6Here = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1')

const named = (await lookup('localhost', { all: true })).map(({ address }) => address)

for (const host of ['127.0.0.1', '::1']) {
  const skip = named.includes(host) ? false : `localhost is not ${host} here`
  t.test(`connects to a name of which only ${host} answers`, { skip }, async (t) => {
    const port = await listen(t, host)
    for (const random of [() => 0, () => 0.9, Math.random]) {
      const socket = await connected(t, targetAt(`http://localhost:${port}`, random))
      t.equal(socket.remotePort, port)
    }
  })
}

t.test('connects to an IPv4 address', async (t) => {
  const port = await listen(t, '127.0.0.1')
  const socket = await connected(t, targetAt(`http://127.0.0.1:${port}`))
  t.equal(socket.remoteAddress, '127.0.0.1')
})

t.test('connects to an IPv6 address', { skip: !isIpv6Here }, async (t) => {
  const port = await listen(t, '::1')
  const socket = await connected(t, targetAt(`http://[::1]:${port}`))
  t.equal(socket.remoteAddress, '::1')
})

t.test('throws when the credential is invalid and TLS cannot start', (t) => {
  const target = {
    ...targetAt('https://127.0.0.1:9'),
    certificate: { certificatePem: 'no certificate', keyPem: 'no key' },
  }
  const nobody = { dialled: () => t.fail('dialled'), failed: () => t.fail('failed') }
  t.throws(() => dial(target, nobody))
  t.throws(() => dial({ ...target, proxy: 'http://127.0.0.1:9' }, nobody))
  t.end()
})
