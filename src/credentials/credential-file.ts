/** Reads the certificates and private keys of one credential file, whatever its format. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readCertificate, type PushCertificate } from './certificate.ts'
import { CredentialError, type CredentialErrorCode } from './credential-error.ts'
import { isPkcs12, openPkcs12 } from './pkcs12.ts'

/** Decodes its contents on demand: without a call of `keys` no passphrase is needed. */
export interface CredentialFile {
  certificates(): PushCertificate[]
  keys(): readonly KeyObject[]
}

/**
 * The content of `file`.
 *
 * @throws {@link CredentialError} `file-missing`, `file-unreadable`, `file-empty`
 */
export function readCredentialFile(file: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new CredentialError(missing ? 'file-missing' : 'file-unreadable', file)
  }
  if (bytes.toString('latin1').trim() === '') throw new CredentialError('file-empty', file)
  return bytes
}

/** Opens a PEM, PKCS#12 or DER file. The content decides which one, not the file name. */
export function openCredentialFile(file: string, passphrase: string | undefined): CredentialFile {
  const bytes = readCredentialFile(file)
  if (isPem(bytes)) return openPem(bytes, passphrase, file)
  if (!isPkcs12(bytes))
    return { certificates: () => [readCertificate(bytes, file)], keys: () => [] }
  const { certificates, keys } = openPkcs12(bytes, passphrase, file)
  return {
    certificates: () => certificates.map((der) => readCertificate(der, file)),
    keys: () => keys,
  }
}

function openPem(bytes: Buffer, passphrase: string | undefined, file: string): CredentialFile {
  const blocks = pemBlocks(bytes)
  const certificates = blocks.filter(({ label }) => label.endsWith('CERTIFICATE'))
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'))
  return {
    certificates: () => certificates.map(({ text }) => readCertificate(text, file)),
    keys: () => keys.map((key) => readKey(key, passphrase, file)),
  }
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
  return unsupported ? 'unsupported-encryption' : 'wrong-passphrase'
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

/** All blocks in order. Lines may end with LF, CRLF or CR. */
export function pemBlocks(bytes: Buffer): PemBlock[] {
  const text = bytes.toString('latin1').replaceAll(/\r\n?/g, '\n')
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\n[^]*?-----END \1-----/g)].map(
    ([block, label = '']) => ({ label, text: `${block}\n` }),
  )
}
