/** Everything that can be wrong with a credential file, each with the way out of it. */

const problems = {
  'file-missing': {
    problem: 'there is no such file',
    cure: 'correct the path; a relative one starts at {folder}',
  },
  'file-unreadable': {
    problem: 'the file cannot be read',
    cure: 'name a file, not a folder, and let the user that runs the proxy read it',
  },
  'file-empty': {
    problem: 'the file is empty',
    cure: 'copy it again from where it was made',
  },
  'not-a-certificate': {
    problem: 'no certificate that can be read is in the file',
    cure: 'give the push certificate as .pem, .cer or .p12',
  },
  'pkcs12-unexpected': {
    problem: 'this is a PKCS#12 file, and only certificates are read here',
    cure: 'take its certificate out: openssl pkcs12 -clcerts -nokeys -in FILE -out FILE.pem',
  },
  'pkcs12-damaged': {
    problem: 'the PKCS#12 file is damaged',
    cure: 'export it again, or copy it again as binary',
  },
  'no-private-key': {
    problem: 'no private key is in the file',
    cure:
      'name the file that holds the key under {key}, or export certificate and key together ' +
      '(Keychain Access: select both, then export as .p12)',
  },
  'key-unreadable': {
    problem: 'the private key in the file is damaged or of an unknown kind',
    cure: 'export it again as an unencrypted or encrypted PKCS#8 PEM file',
  },
  'passphrase-needed': {
    problem: 'the file is encrypted and no passphrase was given',
    cure: 'write the passphrase into a file and name that file under {passphraseFile}',
  },
  'wrong-passphrase': {
    problem: 'the passphrase does not open the file',
    cure: 'correct the passphrase in the file named under {passphraseFile}',
  },
  'unsupported-encryption': {
    problem: 'the file is encrypted in a way that is not supported',
    cure:
      'convert it on the machine that made it: openssl pkcs12 -nodes -in FILE -out FILE.pem, ' +
      'or for a key alone: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out FILE.pem',
  },
  'key-mismatch': {
    problem: 'the private key does not belong to the certificate',
    cure: 'give the key that the certificate was requested with',
  },
  'not-a-signing-key': {
    problem: 'the file holds no unencrypted private key',
    cure: 'give the AuthKey_….p8 file as it was downloaded from the Apple developer account',
  },
  'signing-key-not-p256': {
    problem: 'the key is not an elliptic-curve key on P-256',
    cure: 'give the AuthKey_….p8 file of the Apple developer account, not the key of a certificate',
  },
  'invalid-key-id': {
    problem: 'its {keyId} is not 10 characters of A–Z and 0–9',
    cure: 'copy the key ID from the Apple developer account: it is also in the name AuthKey_<keyId>.p8',
  },
  'invalid-team-id': {
    problem: 'its {teamId} is not 10 characters of A–Z and 0–9',
    cure: 'copy the team ID from the membership page of the Apple developer account',
  },
} as const

/** How the places are called where an administrator corrects something. */
const names = {
  configuration: {
    key: '"key"',
    passphraseFile: '"passphraseFile"',
    keyId: '"keyId"',
    teamId: '"teamId"',
    folder: 'the folder of the configuration file',
  },
  options: {
    key: '--key',
    passphraseFile: '--passphrase-file',
    keyId: '--key-id',
    teamId: '--team-id',
    folder: 'the folder where you are',
  },
} as const

/** Stable names of what can be wrong; they appear in logs and in the documentation. */
export type CredentialErrorCode = keyof typeof problems

/**
 * A credential cannot be used. Radius: the route that names the file. The message names the file,
 * what is wrong and what to do; it never holds any of the file's content or a passphrase.
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

  /** The message for a file that was named by the options of a command. */
  get messageForOptions(): string {
    return inWords(this.code, this.file, 'options')
  }
}

function inWords(code: CredentialErrorCode, file: string, where: keyof typeof names): string {
  const { problem, cure } = problems[code]
  const words: Readonly<Record<string, string>> = names[where]
  const name = (whole: string, word: string): string => words[word] ?? whole
  return `${file}: ${`${problem}; ${cure}`.replaceAll(/\{(\w+)\}/g, name)}`
}
