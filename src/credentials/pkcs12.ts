/** Reads certificates and private keys from PKCS#12 files, old (RC2-40, 3DES) and new (PBES2). */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type Forge from 'node-forge'
import { CredentialError } from './credential-error.ts'
import { firstValue, forge, forgeAsn1 } from './node-forge.ts'

/** DER certificates and keys, in the order of the file. */
export interface Pkcs12 {
  readonly certificates: readonly Buffer[]
  readonly keys: readonly KeyObject[]
}

/**
 * True if `bytes` begin like PFX ::= SEQUENCE { version INTEGER 3, … }, in DER or BER.
 * — source: RFC 7292, section 4
 */
export function isPkcs12(bytes: Buffer): boolean {
  const lengthByte = bytes[1] ?? 0
  const offset = 2 + (lengthByte > 0x80 ? lengthByte - 0x80 : 0)
  return bytes[0] === 0x30 && bytes.subarray(offset, offset + 3).equals(version3)
}

const version3 = Buffer.from([0x02, 0x01, 0x03])

/**
 * Opens a PKCS#12 file with node-forge: OpenSSL 3 refuses the RC2-40 encryption that Keychain Access
 * writes. A file with an empty passphrase opens without one.
 *
 * @throws {@link CredentialError} `pkcs12-damaged`, `passphrase-needed`, `wrong-passphrase`,
 *   `unsupported-encryption`
 */
export function openPkcs12(bytes: Buffer, passphrase: string | undefined, file: string): Pkcs12 {
  const pfx = decrypt(bytes, passphrase, file)
  const bags = pfx.safeContents.flatMap(({ safeBags }) => safeBags)
  const { certBag, keyBag, pkcs8ShroudedKeyBag } = forge().pki.oids
  try {
    return {
      certificates: bags.filter(({ type }) => type === certBag).map(certificateIn),
      keys: bags.filter(({ type }) => type === keyBag || type === pkcs8ShroudedKeyBag).map(keyIn),
    }
  } catch {
    throw new CredentialError('pkcs12-damaged', file)
  }
}

function decrypt(bytes: Buffer, passphrase: string | undefined, file: string): Pfx {
  let failure: unknown
  for (const attempt of attempts(passphrase ?? '')) {
    try {
      // Copying can add bytes behind the file, such as an end of line.
      return attempt(forgeAsn1().fromDer(bytes.toString('latin1'), firstValue))
    } catch (error) {
      failure ??= error
    }
  }
  throw new CredentialError(codeOf(failure, passphrase), file)
}

type Pfx = Forge.pkcs12.Pkcs12Pfx
type Attempt = (pfx: Forge.asn1.Asn1) => Pfx

/**
 * Some programs encode an empty passphrase as two zero bytes, others as none. The MAC takes a
 * passphrase beyond ASCII as UTF-16, PBES2 encryption takes it as UTF-8, and node-forge derives both
 * from one string. So the last attempt skips the MAC: padding and structure still detect a wrong
 * passphrase.
 */
function attempts(passphrase: string): Attempt[] {
  const { pkcs12, util } = forge()
  const utf8 = util.encodeUtf8(passphrase)
  const asGiven: Attempt = (pfx) => pkcs12.pkcs12FromAsn1(pfx, false, passphrase)
  const withoutAny: Attempt = (pfx) => pkcs12.pkcs12FromAsn1(pfx, false)
  const withoutMac: Attempt = (pfx) => {
    if (Array.isArray(pfx.value)) pfx.value.splice(2)
    return pkcs12.pkcs12FromAsn1(pfx, false, utf8)
  }
  if (passphrase === '') return [asGiven, withoutAny]
  return utf8 === passphrase ? [asGiven] : [asGiven, withoutMac]
}

function codeOf(
  failure: unknown,
  passphrase: string | undefined,
): 'unsupported-encryption' | 'pkcs12-damaged' | 'passphrase-needed' | 'wrong-passphrase' {
  const message = failure instanceof Error ? failure.message : ''
  if (/unsupported/i.test(message)) return 'unsupported-encryption'
  if (!/password\?|decrypt/i.test(message)) return 'pkcs12-damaged'
  return passphrase === undefined ? 'passphrase-needed' : 'wrong-passphrase'
}

type Bag = Forge.pkcs12.Bag

/** node-forge gives `asn1` for what it cannot parse itself, such as elliptic-curve keys. */
function certificateIn(bag: Bag): Buffer {
  return der(bag.cert ? forge().pki.certificateToAsn1(bag.cert) : bag.asn1)
}

function keyIn(bag: Bag): KeyObject {
  if (bag.key) return createPrivateKey(forge().pki.privateKeyToPem(bag.key))
  return createPrivateKey({ key: der(bag.asn1), format: 'der', type: 'pkcs8' })
}

function der(node: Forge.asn1.Asn1): Buffer {
  return Buffer.from(forge().asn1.toDer(node).getBytes(), 'latin1')
}
