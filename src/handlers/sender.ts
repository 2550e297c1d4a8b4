/** Whom a command plays that acts as a legacy sender. */
import { readFileSync } from 'node:fs'
import { statusCodeName } from '../binary/status-code.ts'
import { loadCertificateCredential } from '../credentials/credential.ts'
import type { GatewayAnswer } from '../sender/legacy-sender.ts'
import type { SenderOptions } from '../sender/sender-socket.ts'

/** What the command line says of it. */
export interface SenderArguments {
  readonly host: string
  readonly port: number
  readonly certificate: string
  readonly key: string | undefined
  readonly passphraseFile: string | undefined
  readonly ca: string | undefined
  readonly serverName: string
}

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

/** A sentence without its full stop. @param waitMs how long it was waited for */
export function answerInWords(answer: GatewayAnswer, waitMs: number): string {
  switch (answer.kind) {
    case 'silence':
      return `Silence for ${waitMs} ms`
    case 'closed':
      return 'The gateway closed the connection without a word'
    case 'error-response': {
      const { statusCode, identifier } = answer.response
      return `Error response: status ${statusCode} (${statusCodeName(statusCode)}) for identifier ${identifier}`
    }
  }
}
