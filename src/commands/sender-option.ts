/** What every command that acts as a legacy sender is told: where the gateway is, and who it is. */
import { readFileSync } from 'node:fs'
import type { InferredOptionTypes } from 'yargs'
import { loadCertificateCredential } from '../credentials/credential.ts'
import { wholeNumber } from './number-option.ts'
import type { SenderOptions } from '../sender/sender-socket.ts'

/** Options for yargs. @param port where the gateway listens unless told otherwise */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the options say
export function senderOptions(port: number) {
  return {
    host: { string: true, default: '127.0.0.1', describe: 'Gateway to connect to' },
    port: {
      number: true,
      default: port,
      coerce: wholeNumber('port', 1, 65_535),
      describe: 'Its port',
    },
    certificate: {
      string: true,
      demandOption: true,
      describe: "The sender's push certificate: .p12, or .pem with or without its key",
    },
    key: { string: true, describe: 'Its key, where it is in another file' },
    'passphrase-file': { string: true, describe: 'File with the passphrase, if any' },
    ca: { string: true, describe: "CA that signed the gateway's certificate, PEM" },
    'server-name': {
      string: true,
      default: 'gateway.push.apple.com',
      describe: "Name to look for in the gateway's certificate",
    },
  } as const
}

/** What {@link senderOptions} became on a command line. */
export type SenderArguments = Omit<
  InferredOptionTypes<ReturnType<typeof senderOptions>>,
  'passphrase-file' | 'server-name'
> & { readonly passphraseFile: string | undefined; readonly serverName: string }

/**
 * Reads the files that the arguments name.
 * @throws {CredentialError} when certificate and key cannot be used, and the system's error for the
 * other files
 */
export function senderFrom(args: SenderArguments): SenderOptions {
  const credential = loadCertificateCredential({
    certificate: args.certificate,
    ...(args.key !== undefined && { key: args.key }),
    ...(args.passphraseFile !== undefined && {
      passphrase: readFileSync(args.passphraseFile, 'utf8').replace(/\r?\n$/, ''),
    }),
  })
  return {
    host: args.host,
    port: args.port,
    certificatePem: credential.certificatePem,
    keyPem: credential.keyPem,
    certificateAuthority: args.ca === undefined ? undefined : readFileSync(args.ca, 'utf8'),
    serverName: args.serverName,
  }
}
