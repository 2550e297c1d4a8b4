/** A private certificate authority, and the server and push certificates that it signs. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import { randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import forge from 'node-forge'
import type { Environment } from './certificate.ts'
import type { ExtensionValue } from './name-constraints.ts'
import { encodeNull, encodeTopics, environmentOids, topicsOid } from './apple-extension.ts'

/** RSA-2048, which every old sender supports, or ECDSA on P-256. */
export type KeyType = 'rsa' | 'ecdsa'

/** A certificate and its unencrypted PKCS#8 key, both PEM. The key is a secret. */
export interface Issued {
  readonly certificatePem: string
  readonly keyPem: string
}

/** A certificate that signs others, with its RSA key. */
export type Authority = Issued

type Attribute = forge.pki.CertificateField
type Extension = Record<string, unknown>

interface Request {
  readonly subject: Attribute[]
  readonly extensions: Extension[]
  readonly years: number
  readonly keyType?: KeyType
  /** Absent: the certificate signs itself. */
  readonly issuer?: Authority
}

const generate = promisify(generateKeyPair)

/**
 * Makes a self-signed authority, valid for 10 years from `now`. It may not sign other authorities.
 * @param constraints the hosts for which it can issue certificates; absent: all
 */
export function createAuthority(
  commonName: string,
  now: Date,
  constraints?: ExtensionValue,
): Promise<Authority> {
  const extensions = [
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    ...(constraints ? [{ ...constraints }] : []),
  ]
  return issue({ subject: [attribute('commonName', commonName)], extensions, years: 10 }, now)
}

/**
 * Issues a TLS server certificate, valid for 2 years from `now`. The first of `hosts` is also the
 * common name: some old senders check nothing else.
 *
 * @throws RangeError without a host
 */
export async function issueServerCertificate(
  ca: Authority,
  hosts: readonly string[],
  now: Date,
  keyType: KeyType = 'rsa',
): Promise<Issued> {
  const [first] = hosts
  if (first === undefined) throw new RangeError('a server certificate needs a host')
  const extensions = [
    ...leafExtensions('serverAuth', keyType),
    { name: 'subjectAltName', altNames: hosts.map(alternativeName) },
  ]
  const subject = [attribute('commonName', first)]
  return issue({ subject, extensions, years: 2, keyType, issuer: ca }, now)
}

/**
 * Issues a certificate in the form of Apple's push certificates, valid for 2 years from `now`. Some
 * senders examine their own certificate and accept only this form.
 */
export function issuePushCertificate(
  ca: Authority,
  push: {
    topic: string
    environments: readonly Environment[]
    topics?: readonly string[]
  },
  now: Date,
): Promise<Issued> {
  const extensions = [
    ...leafExtensions('clientAuth'),
    ...push.environments.map((name) => ({ id: environmentOids[name], value: encodeNull() })),
    ...(push.topics ? [{ id: topicsOid, value: encodeTopics(push.topics) }] : []),
  ]
  return issue({ subject: pushSubject(push.topic), extensions, years: 2, issuer: ca }, now)
}

/** — source: Apple certificates of both kinds, seen in nanomdm's test data and in public dumps */
function pushSubject(topic: string): Attribute[] {
  const name = topic.startsWith('com.apple.mgmt.')
    ? `APSP:${topic.slice(topic.lastIndexOf('.') + 1)}`
    : `Apple Push Services: ${topic}`
  return [
    attribute('userId', topic),
    attribute('commonName', name),
    { name: 'countryName', value: 'US' },
  ]
}

/**
 * node-forge has no name for UID, and writes text as PrintableString by default. Its declared types
 * confuse the string type with a tag class: hence the cast.
 */
function attribute(name: 'commonName' | 'userId', value: string): Attribute {
  const type = name === 'userId' ? '0.9.2342.19200300.100.1.1' : '2.5.4.3'
  return { type, value, valueTagClass: forge.asn1.Type.UTF8 as unknown as forge.asn1.Class }
}

/** Old senders negotiate RSA key exchange, which needs key encipherment. */
function leafExtensions(usage: 'serverAuth' | 'clientAuth', keyType: KeyType = 'rsa'): Extension[] {
  const keyEncipherment = keyType === 'rsa'
  return [
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment },
    { name: 'extKeyUsage', [usage]: true },
  ]
}

/** GeneralName: dNSName [2] or iPAddress [7] — source: RFC 5280, section 4.2.1.6 */
function alternativeName(host: string): Extension {
  return isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }
}

/** Position of subjectPublicKeyInfo in TBSCertificate — source: RFC 5280, section 4.1 */
const publicKeyField = 6

/**
 * node-forge builds the certificate, but supports RSA keys alone. So the key of the issuer stands in
 * for the new key, which replaces it before OpenSSL signs.
 */
async function issue(
  { subject, extensions, years, keyType = 'rsa', issuer }: Request,
  now: Date,
): Promise<Issued> {
  const { publicKey, privateKey } =
    keyType === 'rsa'
      ? await generate('rsa', { modulusLength: 2048 })
      : await generate('ec', { namedCurve: 'prime256v1' })
  const issuerKey = issuer ? createPrivateKey(issuer.keyPem) : privateKey
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(
    createPublicKey(issuerKey).export({ type: 'spki', format: 'pem' }).toString(),
  )
  // 120 random bits. The leading 01 keeps the INTEGER positive and in its shortest form.
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`
  // The clocks of old senders may be late.
  const notBefore = new Date(now.getTime() - 24 * 60 * 60 * 1000)
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(now.getUTCFullYear() + years)
  certificate.validity = { notBefore, notAfter }
  certificate.setSubject(subject)
  certificate.setIssuer(
    issuer ? forge.pki.certificateFromPem(issuer.certificatePem).subject.attributes : subject,
  )
  certificate.setExtensions([
    { name: 'subjectKeyIdentifier', value: keyIdentifier(publicKey) },
    ...extensions,
    // Of the key of the issuer, which stands in.
    { name: 'authorityKeyIdentifier', keyIdentifier: true },
  ])
  sealCertificate(certificate, publicKey, issuerKey)
  return {
    // node-forge ends lines as Windows does.
    certificatePem: forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** Puts the public key into the certificate, and signs it. */
function sealCertificate(
  certificate: forge.pki.Certificate,
  publicKey: KeyObject,
  issuerKey: KeyObject,
): void {
  const algorithm = forge.pki.oids['sha256WithRSAEncryption'] ?? ''
  certificate.signatureOid = certificate.siginfo.algorithmOid = algorithm
  const [tbsCertificate] = forge.pki.certificateToAsn1(certificate).value
  if (typeof tbsCertificate !== 'object' || !Array.isArray(tbsCertificate.value))
    throw new TypeError('TBSCertificate is a SEQUENCE')
  const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('latin1')
  tbsCertificate.value[publicKeyField] = forge.asn1.fromDer(spki)
  const bytes = Buffer.from(forge.asn1.toDer(tbsCertificate).getBytes(), 'latin1')
  certificate.tbsCertificate = tbsCertificate
  certificate.signature = sign('sha256', bytes, issuerKey).toString('latin1')
}

/**
 * SHA-1 of what subjectPublicKeyInfo wraps: the PKCS#1 key, or the point on P-256 in 65 bytes.
 * — source: RFC 5280, section 4.2.1.2
 */
function keyIdentifier(key: KeyObject): forge.asn1.Asn1 {
  const bits =
    key.asymmetricKeyType === 'rsa'
      ? key.export({ type: 'pkcs1', format: 'der' })
      : key.export({ type: 'spki', format: 'der' }).subarray(-65)
  const { create, Class, Type } = forge.asn1
  const hash = createHash('sha1').update(bits).digest().toString('latin1')
  return create(Class.UNIVERSAL, Type.OCTETSTRING, false, hash)
}
