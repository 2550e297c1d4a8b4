/** Parses lists of addresses and networks: `192.0.2.1`, `10.0.0.0/8`, `fd00::/8`. */
import { BlockList, isIP } from 'node:net'

interface Network {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

function networkOf(entry: string): Network | undefined {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
  const version = isIP(address)
  const longest = version === 4 ? 32 : 128
  const bits = Number(prefix ?? longest)
  if (version === 0 || bits > longest) return undefined
  return { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' }
}

export function isNetwork(entry: string): boolean {
  return networkOf(entry) !== undefined
}

/** Ignores entries that are neither an address nor a network. */
export function networkList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const network = networkOf(entry)
    if (network !== undefined) list.addSubnet(network.address, network.bits, network.family)
  }
  return list
}
