/** Reads the certificates and private keys of one credential file, whatever its format. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readCertificate, type PushCertificate } from './certificate.ts'
import { CredentialError, type CredentialErrorCode } from './credential-error.ts'
import { isPkcs12, openPkcs12 } from './pkcs12.ts'
import { decodeText } from './text-encoding.ts'

/** Decodes its contents on demand: without a call of `keys` no passphrase is needed. */
export interface CredentialFile {
  certificates(): PushCertificate[]
  keys(): readonly KeyObject[]
}

/** @throws {@link CredentialError} `file-missing`, `file-unreadable` */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new CredentialError(missing ? 'file-missing' : 'file-unreadable', file)
  }
}

/**
 * The PEM or DER content of `file`, without the encoding around it.
 *
 * @throws {@link CredentialError} `file-missing`, `file-unreadable`, `file-empty`
 */
export function readCredentialFile(file: string): Buffer {
  const bytes = readBytes(file)
  if (decodeText(bytes).text.trim() === '') throw new CredentialError('file-empty', file)
  return unwrapped(bytes)
}

/** PEM becomes UTF-8. Base64 around PEM or DER, as a variable or a secret store keeps it, is removed. */
function unwrapped(bytes: Buffer): Buffer {
  const { text } = decodeText(bytes)
  if (text.includes('-----BEGIN ')) return Buffer.from(text)
  const base64 = withLineBreaks(text).replaceAll(/\s/g, '')
  if (!/^[A-Za-z0-9+/]{64,}=*$/.test(base64)) return bytes
  const inner = unwrapped(Buffer.from(base64, 'base64'))
  return isPem(inner) || inner[0] === 0x30 ? inner : bytes
}

/** Of a text in which they are written as `\n`, as in JSON and in environment variables. */
function withLineBreaks(text: string): string {
  return text.replaceAll(/\\[rn]/g, '\n')
}

/** Opens a PEM, PKCS#12 or DER file. The content decides which one, not the file name. */
export function openCredentialFile(file: string, passphrase: string | undefined): CredentialFile {
  const bytes = readCredentialFile(file)
  if (isPem(bytes)) return openPem(bytes, passphrase, file)
  if (!isPkcs12(bytes)) return openDer(bytes, file)
  const { certificates, keys } = openPkcs12(bytes, passphrase, file)
  return {
    certificates: () => certificates.map((der) => readCertificate(der, file)),
    keys: () => keys,
  }
}

/** A certificate, or an unencrypted key: an AuthKey file whose BEGIN and END lines are gone. */
function openDer(bytes: Buffer, file: string): CredentialFile {
  try {
    const key = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })
    return { certificates: () => [], keys: () => [key] }
  } catch {
    return { certificates: () => [readCertificate(bytes, file)], keys: () => [] }
  }
}

function openPem(bytes: Buffer, passphrase: string | undefined, file: string): CredentialFile {
  const blocks = pemBlocks(bytes)
  const certificates = blocks.filter(({ label }) => label.endsWith('CERTIFICATE'))
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'))
  if (certificates.length + keys.length === 0) throw new CredentialError(faultOf(blocks), file)
  return {
    certificates: () => certificates.map(({ text }) => readCertificate(text, file)),
    keys: () => keys.map((key) => readKey(key, passphrase, file)),
  }
}

/** Of a PEM file with neither certificate nor private key. */
function faultOf(blocks: readonly PemBlock[]): CredentialErrorCode {
  const has = (end: string): boolean => blocks.some(({ label }) => label.endsWith(end))
  if (has('PUBLIC KEY')) return 'public-key'
  return has('CERTIFICATE REQUEST') ? 'certificate-request' : 'pem-incomplete'
}

/** PKCS#8 has the mark in its label, PKCS#1 and SEC 1 in a header — source: RFC 7468, RFC 1421 */
function isEncrypted({ label, text }: PemBlock): boolean {
  return label.startsWith('ENCRYPTED') || text.includes('Proc-Type: 4,ENCRYPTED')
}

function readKey(block: PemBlock, passphrase: string | undefined, file: string): KeyObject {
  const encrypted = isEncrypted(block)
  if (encrypted && passphrase === undefined) throw new CredentialError('passphrase-needed', file)
  try {
    return createPrivateKey({ key: block.text, passphrase: passphrase ?? '' })
  } catch (error) {
    throw new CredentialError(encrypted ? decryptionFault(error) : 'key-unreadable', file)
  }
}

/** OpenSSL reports an unknown cipher as such. Any other error means a wrong passphrase. */
function decryptionFault(error: unknown): CredentialErrorCode {
  const unsupported = error instanceof Error && /envelope routines::unsupported/.test(error.message)
  return unsupported ? 'unsupported-key-encryption' : 'wrong-passphrase'
}

interface PemBlock {
  /** The words after BEGIN, such as `CERTIFICATE`. */
  readonly label: string
  /** From its BEGIN line to its END line. */
  readonly text: string
}

/** True if `bytes` contain a PEM block, also behind other text such as "Bag Attributes". */
export function isPem(bytes: Buffer): boolean {
  return bytes.includes('-----BEGIN ')
}

/** All blocks in order, in lines of 64 characters that end with LF, whatever became of them. */
export function pemBlocks(bytes: Buffer): PemBlock[] {
  const text = withLineBreaks(bytes.toString('latin1'))
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^]*?)-----END \1-----/g)].map(
    ([, label = '', body = '']) => ({
      label,
      text: `-----BEGIN ${label}-----\n${inLines(body)}-----END ${label}-----\n`,
    }),
  )
}

/** The headers of an encrypted key, each in its line, then base64. — source: RFC 1421 */
function inLines(body: string): string {
  const [start = '', ...headers] = /^\s*(Proc-Type: \S+)\s+(?:(DEK-Info: \S+)\s+)?/.exec(body) ?? []
  const head = headers.flatMap((header) => (header ? [`${header}\n`] : [])).join('')
  const base64 = body.slice(start.length).replaceAll(/\s/g, '')
  return (head && `${head}\n`) + base64.replaceAll(/.{1,64}/g, '$&\n')
}
