/** A private certificate authority, and the server and push certificates that it signs. */
import { createHash, generateKeyPair, randomBytes, sign as signBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import forge from 'node-forge'
import type { Environment } from './certificate.ts'
import { encodeNull, encodeTopics, environmentOids, topicsOid } from './apple-extension.ts'

/** RSA-2048, which every old sender can do, or ECDSA on P-256. */
export type KeyType = 'rsa' | 'ecdsa'

/** A certificate and its key (RSA-2048 unless asked for otherwise, unencrypted PKCS#8), both PEM. */
export interface Issued {
  readonly certificatePem: string
  readonly keyPem: string
}

/** A certificate that signs others, with its key. */
export type Authority = Issued

type Attribute = forge.pki.CertificateField
type Extension = Record<string, unknown>

interface Issuer {
  readonly certificate: forge.pki.Certificate
  readonly keyPem: string
}

interface Request {
  readonly subject: Attribute[]
  readonly extensions: Extension[]
  readonly years: number
  readonly keyType?: KeyType
  /** Absent: signed by itself. */
  readonly issuer?: Authority
}

interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const generate = promisify(generateKeyPair)
const generators: Readonly<Record<KeyType, () => Promise<KeyPair>>> = {
  rsa: () => generate('rsa', { modulusLength: 2048 }),
  ecdsa: () => generate('ec', { namedCurve: 'prime256v1' }),
}

/** Makes a certificate authority: self-signed, valid for 10 years from `now`, signs leaves only. */
export function createAuthority(commonName: string, now: Date): Promise<Authority> {
  const extensions = [
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
  ]
  return issue({ subject: [attribute('commonName', commonName)], extensions, years: 10 }, now)
}

/**
 * Issues a TLS server certificate, valid for 2 years from `now`. The first of `hosts` is the common
 * name too, which is all that some old senders look at.
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
 * Issues a certificate of the form that Apple gives to push providers, valid for 2 years from
 * `now`, so that senders that examine theirs accept it.
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
 * node-forge has no name for UID, and would write text as PrintableString. Its declared types take
 * the string type for a tag class, which the cast corrects.
 */
function attribute(name: 'commonName' | 'userId', value: string): Attribute {
  const type = name === 'userId' ? '0.9.2342.19200300.100.1.1' : '2.5.4.3'
  return { type, value, valueTagClass: forge.asn1.Type.UTF8 as unknown as forge.asn1.Class }
}

/** Key encipherment besides signature: old senders negotiate RSA key exchange. */
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

async function issue(request: Request, now: Date): Promise<Issued> {
  const { publicKey, privateKey } = await generators[request.keyType ?? 'rsa']()
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const certificate = forge.pki.createCertificate()
  certificate.serialNumber = randomSerial()
  certificate.validity = { notBefore: dayBefore(now), notAfter: yearsAfter(now, request.years) }
  certificate.setSubject(request.subject)
  const issuer = request.issuer ? issuerOf(request.issuer) : { certificate, keyPem }
  if (request.keyType === 'ecdsa') signEcdsa(certificate, publicKey, request.extensions, issuer)
  else signRsa(certificate, publicKey, request.extensions, issuer)
  // node-forge ends lines as Windows does.
  const certificatePem = forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n')
  return { certificatePem, keyPem }
}

function signRsa(
  certificate: forge.pki.Certificate,
  publicKey: KeyObject,
  extensions: readonly Extension[],
  issuer: Issuer,
): void {
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKeyPem)
  sign(certificate, [{ name: 'subjectKeyIdentifier' }, ...extensions], issuer)
}

/** Position of subjectPublicKeyInfo in TBSCertificate — source: RFC 5280, section 4.1 */
const publicKeyField = 6

/**
 * node-forge knows RSA keys alone: the issuer's stands in, then it is replaced and signed anew. The
 * key identifier is the hash of the point, the last 65 bytes. — source: RFC 5280, section 4.2.1.2
 */
function signEcdsa(
  certificate: forge.pki.Certificate,
  publicKey: KeyObject,
  extensions: readonly Extension[],
  issuer: Issuer,
): void {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const identifier = createHash('sha1').update(spki.subarray(-65)).digest().toString('latin1')
  const { create, Class, Type, fromDer } = forge.asn1
  const value = create(Class.UNIVERSAL, Type.OCTETSTRING, false, identifier)
  certificate.publicKey = issuer.certificate.publicKey
  sign(certificate, [{ name: 'subjectKeyIdentifier', value }, ...extensions], issuer)
  const { tbsCertificate } = certificate
  if (!Array.isArray(tbsCertificate.value)) throw new TypeError('TBSCertificate is a SEQUENCE')
  tbsCertificate.value[publicKeyField] = fromDer(spki.toString('latin1'))
  const bytes = Buffer.from(forge.asn1.toDer(tbsCertificate).getBytes(), 'latin1')
  certificate.signature = signBytes('sha256', bytes, issuer.keyPem).toString('latin1')
}

function sign(
  certificate: forge.pki.Certificate,
  extensions: readonly Extension[],
  issuer: Issuer,
): void {
  const keyIdentifier = issuer.certificate.generateSubjectKeyIdentifier().getBytes()
  certificate.setIssuer(issuer.certificate.subject.attributes)
  certificate.setExtensions([...extensions, { name: 'authorityKeyIdentifier', keyIdentifier }])
  certificate.sign(forge.pki.privateKeyFromPem(issuer.keyPem), forge.md.sha256.create())
}

function issuerOf({ certificatePem, keyPem }: Authority): Issuer {
  return { certificate: forge.pki.certificateFromPem(certificatePem), keyPem }
}

/** 120 random bits; the leading 01 keeps the INTEGER positive and in its shortest form. */
function randomSerial(): string {
  return `01${randomBytes(15).toString('hex')}`
}

/** Senders of this age run on clocks that nobody has set for a while. */
function dayBefore(now: Date): Date {
  return new Date(now.getTime() - 24 * 60 * 60 * 1000)
}

function yearsAfter(now: Date, years: number): Date {
  const date = new Date(now)
  date.setUTCFullYear(date.getUTCFullYear() + years)
  return date
}
