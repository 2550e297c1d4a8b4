/** Every fault of a credential file, with its cure. */

const olderOpenssl = '(without -legacy, where OpenSSL is older than 3)'

/** "What is wrong; what to do". */
const messages = {
  'file-missing': 'there is no such file; correct the path; a relative one starts at {folder}',
  'file-unreadable':
    'the file cannot be read; ' +
    'name a file, not a folder, and let the user that runs the proxy read it',
  'file-empty': 'the file is empty; copy the original file again',
  'not-a-certificate':
    'the file has no readable certificate; ' + 'give the push certificate as .pem, .cer or .p12',
  'certificate-request':
    'this is a certificate request, not a certificate; ' +
    'give the certificate that Apple issued for it, with the key from which it was made',
  'public-key':
    'the file has only the public half of a key; ' +
    'give the private one, such as the AuthKey_….p8 file as downloaded from the Apple developer account',
  'pem-incomplete':
    'the file begins like PEM, but holds no complete certificate or private key; ' +
    'copy the original file again, with its lines BEGIN and END',
  'several-identities':
    'the file has several push certificates: {note}; name the one for this route under {topic}, ' +
    'and under {environment} if there are two for this topic',
  'pkcs12-unexpected':
    'this is a PKCS#12 file, but a PEM or DER certificate is needed here; ' +
    `extract its certificate: openssl pkcs12 -legacy -clcerts -nokeys -in {in} -out {out} ${olderOpenssl}`,
  'pkcs12-damaged': 'the PKCS#12 file is damaged; export it again, or copy it again as binary',
  'no-private-key':
    'the file has no private key; ' +
    'name the file that holds the key under {key}, or export certificate and key together ' +
    '(Keychain Access: select both, then export as .p12)',
  'key-unreadable':
    'the private key in the file is damaged or of an unsupported kind; ' +
    'export it again as an unencrypted or encrypted PKCS#8 PEM file',
  'passphrase-needed':
    'the file is encrypted, but no passphrase was given; ' +
    'write the passphrase into a file and name that file under {passphraseFile}',
  'wrong-passphrase':
    'the passphrase does not open the file; ' +
    'correct the passphrase in the first line of the file named under {passphraseFile}{note}',
  'unsupported-encryption':
    'the proxy does not support the encryption of the file; ' +
    `convert it: openssl pkcs12 -legacy -nodes -in {in} -out {out} ${olderOpenssl}, and give {out} instead`,
  'unsupported-key-encryption':
    'the proxy does not support the encryption of the key; convert it: openssl pkcs8 -topk8 ' +
    '-provider legacy -provider default -v2 aes-256-cbc -in {in} -out {out} (without -provider, ' +
    'where OpenSSL is older than 3), and name {out} under {key}',
  'key-mismatch':
    'the private key does not belong to the certificate; ' +
    'give the key from which the certificate was requested',
  'not-a-signing-key':
    'the file has no unencrypted private key; ' +
    'give the AuthKey_….p8 file as downloaded from the Apple developer account',
  'signing-key-not-p256':
    'the key is not an elliptic-curve key on P-256; ' +
    'give the AuthKey_….p8 file of the Apple developer account, not the key of a certificate',
  'invalid-key-id':
    'its {keyId} is not 10 characters of A–Z and 0–9; ' +
    'copy the key ID from the Apple developer account: it is also in the name AuthKey_<keyId>.p8',
  'invalid-team-id':
    'its {teamId} is not 10 characters of A–Z and 0–9; ' +
    'copy the team ID from the membership page of the Apple developer account',
} as const

/** Stable names, which appear in logs and in the documentation. */
export type CredentialErrorCode = keyof typeof messages

/**
 * A credential cannot be used. Radius: the route that names the file. The message has the file's
 * name, the fault and the cure. It never contains a passphrase or any content of the file.
 */
export class CredentialError extends Error {
  override readonly name = 'CredentialError'
  readonly code: CredentialErrorCode
  readonly file: string
  readonly #note: string

  /** @param note what the message says of this very file */
  constructor(code: CredentialErrorCode, file: string, note = '') {
    super(inWords(code, file, note, 'configuration'))
    this.code = code
    this.file = file
    this.#note = note
  }

  /** The message for a file that the options of a command name. */
  get messageForOptions(): string {
    return inWords(this.code, this.file, this.#note, 'options')
  }
}

/** Names what the operator corrects: a key of the configuration, or an option of the command. */
function inWords(
  code: CredentialErrorCode,
  file: string,
  note: string,
  where: keyof typeof folders,
): string {
  const facts: Readonly<Record<string, string>> = {
    note,
    in: argument(file),
    out: argument(`${file}.pem`),
    folder: folders[where],
  }
  const name = (_: string, word: string): string => {
    const fact = facts[word]
    if (fact !== undefined) return fact
    if (where === 'configuration') return `"${word}"`
    return `--${word.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`
  }
  return `${file}: ${messages[code].replaceAll(/\{(\w+)\}/g, name)}`
}

/** A file name as an argument of a command in a shell. */
function argument(file: string): string {
  return /^[\w./\\:@%+,-]+$/.test(file) ? file : `"${file.replaceAll(/["$`]/g, '\\$&')}"`
}

const folders = {
  configuration: 'the folder of the configuration file',
  options: 'the current folder',
} as const
