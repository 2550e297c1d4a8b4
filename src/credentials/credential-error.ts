/** Every fault of a credential file, with its cure. */

/** "What is wrong; what to do". */
const messages = {
  'file-missing': 'there is no such file; correct the path; a relative one starts at {folder}',
  'file-unreadable':
    'the file cannot be read; ' +
    'name a file, not a folder, and let the user that runs the proxy read it',
  'file-empty': 'the file is empty; copy the original file again',
  'not-a-certificate':
    'the file has no readable certificate; ' + 'give the push certificate as .pem, .cer or .p12',
  'pkcs12-unexpected':
    'this is a PKCS#12 file, but a PEM or DER certificate is needed here; ' +
    'extract its certificate: openssl pkcs12 -clcerts -nokeys -in FILE -out FILE.pem',
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
    'correct the passphrase in the file named under {passphraseFile}',
  'unsupported-encryption':
    'the proxy does not support the encryption of the file; ' +
    'convert it on the machine that made it: openssl pkcs12 -nodes -in FILE -out FILE.pem, ' +
    'or for a key alone: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out FILE.pem',
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

  constructor(code: CredentialErrorCode, file: string) {
    super(inWords(code, file, 'configuration'))
    this.code = code
    this.file = file
  }

  /** The message for a file that the options of a command name. */
  get messageForOptions(): string {
    return inWords(this.code, this.file, 'options')
  }
}

/** Names what the operator corrects: a key of the configuration, or an option of the command. */
function inWords(code: CredentialErrorCode, file: string, where: keyof typeof folders): string {
  const name = (_: string, word: string): string => {
    if (word === 'folder') return folders[where]
    if (where === 'configuration') return `"${word}"`
    return `--${word.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`
  }
  return `${file}: ${messages[code].replaceAll(/\{(\w+)\}/g, name)}`
}

const folders = {
  configuration: 'the folder of the configuration file',
  options: 'the current folder',
} as const
