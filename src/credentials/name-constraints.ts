/**
 * The X.509 extension that limits the hosts for which a CA can issue certificates.
 * — source: RFC 5280, sections 4.2.1.6 and 4.2.1.10
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import forge from 'node-forge'
import { extensionsOf } from './apple-extension.ts'

type Node = forge.asn1.Asn1

const oid = '2.5.29.30'
const { Class, Type, create } = forge.asn1

// The declared types of node-forge want the universal type of the same number for every tag.
/** GeneralName: dNSName [2] or iPAddress [7] */
const tags = { dns: Type.INTEGER, ip: Type.ODESC } as const
/** NameConstraints: permittedSubtrees [0], excludedSubtrees [1] */
const lists = { permitted: Type.NONE, excluded: Type.BOOLEAN } as const

/** 4 or 16 bytes. The declared types of node-forge lack it. */
const { bytesFromIP } = forge.util as unknown as { bytesFromIP: (address: string) => string }

/** As node-forge adds it to a certificate. */
export interface ExtensionValue {
  readonly id: string
  readonly critical: boolean
  readonly value: Node
}

/**
 * Permits `hosts` and their subdomains alone. Addresses of a version of IP of which none is in `hosts` are
 * all excluded. RFC 5280 wants the extension critical, but OpenSSL 0.9.8 and old versions of macOS refuse
 * a CA with a critical one, so this is the choice of the caller.
 */
export function nameConstraints(
  hosts: readonly string[],
  severity: 'critical' | 'not critical' = 'not critical',
): ExtensionValue {
  const everyAddress = [4, 6]
    .filter((version) => !hosts.some((host) => isIP(host) === version))
    .map((version) => context(tags.ip, '\0'.repeat(version === 4 ? 8 : 32)))
  const value = sequence([
    subtrees(lists.permitted, hosts.map(baseOf)),
    ...(everyAddress.length === 0 ? [] : [subtrees(lists.excluded, everyAddress)]),
  ])
  return { id: oid, critical: severity === 'critical', value }
}

/** Those of `hosts` for which a CA may not issue certificates; none if it has no constraints. */
export function hostsOutside(certificatePem: string, hosts: readonly string[]): string[] {
  const extension = extensionsOf(new X509Certificate(certificatePem).raw).get(oid)
  if (extension === undefined) return []
  const parts = children(forge.asn1.fromDer(extension.toString('latin1')))
  const basesIn = (list: forge.asn1.Type): Node[] =>
    parts
      .filter(({ type }) => type === list)
      .flatMap(children)
      .flatMap((one) => children(one).slice(0, 1))
  return hosts.filter((host) => {
    const { type } = baseOf(host)
    const permitted = basesIn(lists.permitted).filter((base) => base.type === type)
    const isPermitted = permitted.length === 0 || permitted.some((base) => covers(base, host))
    return !isPermitted || basesIn(lists.excluded).some((base) => covers(base, host))
  })
}

/** GeneralSubtrees; minimum and maximum are absent. */
function subtrees(list: forge.asn1.Type, bases: readonly Node[]): Node {
  return context(
    list,
    bases.map((base) => sequence([base])),
  )
}

/** The name itself, or the address with a mask of ones. */
function baseOf(host: string): Node {
  if (isIP(host) === 0) return context(tags.dns, host)
  const address = bytesFromIP(host)
  return context(tags.ip, address + '\xff'.repeat(address.length))
}

function covers({ type, value }: Node, host: string): boolean {
  if (typeof value !== 'string') return false
  if (isIP(host) === 0) return type === tags.dns && isWithin(host, value)
  if (type !== tags.ip) return false
  const address = Buffer.from(bytesFromIP(host), 'latin1')
  const [base, mask] = [0, 1].map((half) =>
    Buffer.from(value, 'latin1').subarray(half * address.length, (half + 1) * address.length),
  )
  return (
    value.length === 2 * address.length &&
    address.every(
      (byte, at) => (byte & (mask?.[at] ?? 0)) === ((base?.[at] ?? 0) & (mask?.[at] ?? 0)),
    )
  )
}

function isWithin(host: string, domain: string): boolean {
  const base = domain.replace(/^\./, '').toLowerCase()
  return base === '' || `.${host.toLowerCase()}`.endsWith(`.${base}`)
}

function children({ value }: Node): Node[] {
  return typeof value === 'string' ? [] : value
}

function sequence(value: Node[]): Node {
  return create(Class.UNIVERSAL, Type.SEQUENCE, true, value)
}

/** An element with a context-specific tag. */
function context(tag: forge.asn1.Type, value: string | Node[]): Node {
  return create(Class.CONTEXT_SPECIFIC, tag, typeof value !== 'string', value)
}
