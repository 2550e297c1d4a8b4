/** Judges the addresses that the names of APNs resolve to: a DNS override can lead elsewhere. */
import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { networkList } from '../config/ip-network.ts'
import { error, ok, warning, type Finding } from './finding.ts'

/**
 * The blocks that hold the networks in Apple's list.
 * — source: Apple, "If your Apple devices aren't getting Apple push notifications"
 */
const appleNetworks = networkList([
  '17.0.0.0/8',
  '2403:300::/32',
  '2620:149::/36',
  '2a01:b740::/32',
])

/** — source: RFC 1918, RFC 6598, RFC 4193 */
const privateNetworks = networkList([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
])

const narrowOverride =
  'override only gateway.push.apple.com and feedback.push.apple.com in DNS or in the hosts file, ' +
  'not all of push.apple.com'
const noInspection =
  'correct the DNS of this machine; if a firewall inspects TLS, exclude *.push.apple.com from it'

/**
 * No finding for the name of another server, or one that does not resolve.
 * @param isReached an error if not: the address then is the likely cause
 */
export async function addressFindings(origin: string, isReached: boolean): Promise<Finding[]> {
  const { hostname } = new URL(origin)
  if (!isAppleName(hostname)) return []
  const resolved = await lookup(hostname, { all: true }).catch(() => [])
  const addresses = resolved.map(({ address }) => address)
  const foreign = addresses.find((address) => !contains(appleNetworks, address))
  if (foreign === undefined)
    return addresses.length === 0 ? [] : [ok(origin, 'its addresses are in networks of Apple')]
  const isOverride = isOwn(foreign) || contains(privateNetworks, foreign)
  const place = isOwn(foreign)
    ? 'an address of this machine'
    : isOverride
      ? 'a private address'
      : 'an address outside the networks of Apple'
  const report = isReached ? warning : error
  return [
    report(
      origin,
      `its name resolves to ${foreign}, ${place}: an entry in DNS or the hosts file, or a proxy that inspects TLS`,
      isOverride ? narrowOverride : noInspection,
    ),
  ]
}

export function isAppleName(hostname: string): boolean {
  return hostname.endsWith('.push.apple.com')
}

function contains(networks: ReturnType<typeof networkList>, address: string): boolean {
  return networks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((own) =>
    own?.some((one) => one.address === address),
  )
}
