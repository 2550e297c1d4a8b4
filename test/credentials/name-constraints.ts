import t from 'tap'
import { createAuthority } from '../../src/credentials/authority.ts'
import { hostsOutside, nameConstraints } from '../../src/credentials/name-constraints.ts'

const now = new Date()

async function outside(permitted: readonly string[], ...hosts: string[]): Promise<string[]> {
  const ca = await createAuthority('Constrained', now, nameConstraints(permitted))
  return hostsOutside(ca.certificatePem, hosts)
}

t.test('permits the hosts and their subdomains, in any case of letters', async (t) => {
  t.same(await outside(['Gateway.example.com'], 'gateway.EXAMPLE.com', 'a.gateway.example.com'), [])
  const others = ['example.com', 'xgateway.example.com', 'www.example.org']
  t.same(await outside(['gateway.example.com'], ...others), others)
})

t.test('permits the addresses alone that it names', async (t) => {
  const permitted = ['gateway.example.com', '10.0.0.1', '2001:db8::1']
  t.same(await outside(permitted, '10.0.0.1', '2001:DB8:0::1'), [])
  t.same(await outside(permitted, '10.0.0.2', '2001:db8::2'), ['10.0.0.2', '2001:db8::2'])
})

t.test('excludes all addresses of a version of IP that it does not name', async (t) => {
  t.same(await outside(['gateway.example.com'], '10.0.0.1', '::1'), ['10.0.0.1', '::1'])
  t.same(await outside(['gateway.example.com', '10.0.0.1'], '::1'), ['::1'])
})

t.test('a CA without the extension permits all hosts', async (t) => {
  const ca = await createAuthority('Free', now)
  t.same(hostsOutside(ca.certificatePem, ['www.example.com', '10.0.0.1', '::1']), [])
})
