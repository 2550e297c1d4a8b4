/** Apple's extensions in push certificates: environments and topic lists, decoded and encoded. */
import type Forge from 'node-forge'
import { forgeAsn1 } from './node-forge.ts'

const asn1 = forgeAsn1()
const { Class, Type } = asn1
type Node = Forge.asn1.Asn1

/**
 * Presence of the extension (its value is NULL) allows the environment.
 * — source: node-apn 1.7.8, "credentials/oids.js"; the MDM certificate in nanomdm's test data
 */
export const environmentOids = {
  production: '1.2.840.113635.100.6.3.2',
  sandbox: '1.2.840.113635.100.6.3.1',
} as const

/** All topics — source: Apple, "Sending notification requests to APNs", apns-topic */
export const topicsOid = '1.2.840.113635.100.6.3.6'

/** VoIP topics, in older certificates — source: as {@link topicsOid} */
export const voipTopicsOid = '1.2.840.113635.100.6.3.4'

const stringTypes: readonly number[] = [Type.UTF8, Type.PRINTABLESTRING, Type.IA5STRING]

function decode(bytes: string): Node {
  return asn1.fromDer(bytes)
}

function children(node: Node | undefined): readonly Node[] {
  return Array.isArray(node?.value) ? node.value : []
}

function content(node: Node | undefined): string {
  return typeof node?.value === 'string' ? node.value : ''
}

/**
 * Values of a certificate's extensions by OID, as DER; `certificate` is DER.
 * Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }, in
 * field [3] of TBSCertificate, its last — source: RFC 5280, section 4.1
 *
 * @throws Error if `certificate` is not DER
 */
export function extensionsOf(certificate: Buffer): ReadonlyMap<string, Buffer> {
  const [tbsCertificate] = children(decode(certificate.toString('latin1')))
  const field = children(tbsCertificate).at(-1)
  const list = field?.tagClass === Class.CONTEXT_SPECIFIC ? children(field)[0] : undefined
  return new Map(children(list).map(children).map(entryOf))
}

function entryOf(extension: readonly Node[]): [string, Buffer] {
  const oid = asn1.derToOid(content(extension[0]))
  return [oid, Buffer.from(content(extension.at(-1)), 'latin1')]
}

/**
 * The topics in a topic list. It is a SEQUENCE in which UTF8String topics alternate with a SEQUENCE
 * of push kinds for each. An OCTET STRING may wrap the whole list.
 * — source: pushy, "script/apns-extensions.cnf"
 *
 * @throws Error if `value` is not DER
 */
export function decodeTopics(value: Buffer): string[] {
  let list = decode(value.toString('latin1'))
  while (list.type === Type.OCTETSTRING) list = decode(content(list))
  return children(list)
    .filter(({ type }) => stringTypes.includes(type))
    .map((topic) => Buffer.from(content(topic), 'latin1').toString('utf8'))
}

const utf8 = (text: string): Node =>
  asn1.create(Class.UNIVERSAL, Type.UTF8, false, Buffer.from(text).toString('latin1'))

const sequence = (nodes: Node[]): Node => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, nodes)

function kindOf(topic: string): string {
  return ['voip', 'complication'].find((kind) => topic.endsWith(`.${kind}`)) ?? 'app'
}

/** The inverse of {@link decodeTopics}, in the form that Apple issues. */
export function encodeTopics(topics: readonly string[]): Node {
  return sequence(topics.flatMap((topic) => [utf8(topic), sequence([utf8(kindOf(topic))])]))
}

/** ASN.1 NULL: the value of the environment extensions. */
export function encodeNull(): Node {
  return asn1.create(Class.UNIVERSAL, Type.NULL, false, '')
}
