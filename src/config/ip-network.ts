/** Parses lists of addresses and networks: `192.0.2.1`, `10.0.0.0/8`, `fd00::/8`. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'

/** One entry of a list. isIPv6 accepts a zone too, as in `fe80::1%eth0`. */
export const network = z.union([z.ipv4(), z.string().refine(isIPv6), z.cidrv4(), z.cidrv6()], {
  error: 'must be an address or a network, for example 192.0.2.1 or 10.0.0.0/8',
})

export function networkList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const [family, longest] = isIPv6(address) ? (['ipv6', 128] as const) : (['ipv4', 32] as const)
    list.addSubnet(address, Number(bits ?? longest), family)
  }
  return list
}

/** Whether a port that is bound to `host` is reachable from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
