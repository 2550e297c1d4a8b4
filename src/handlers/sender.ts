/** The legacy sender that `send`, `feedback` and `replay` act as. */
import { statusCodeName } from '../binary/status-code.ts'
import type { SenderArguments } from '../commands/sender-option.ts'
import { loadCertificateCredential, loadCertificates } from '../credentials/credential.ts'
import type { GatewayAnswer } from '../sender/legacy-sender.ts'
import type { SenderOptions } from '../sender/sender-socket.ts'

/**
 * Reads the files that the arguments name.
 * @throws {CredentialError} for an unusable certificate or key
 */
export function senderFrom(args: SenderArguments): SenderOptions {
  const { host, port, serverName: servername, ca: authority } = args
  const { certificatePem: cert, keyPem: key } = loadCertificateCredential(args)
  const ca = authority && pemIn(authority)
  return { host, port, cert, key, ca, servername }
}

function pemIn(file: string): string {
  return loadCertificates(file)
    .map(({ pem }) => pem)
    .join('')
}

/** A sentence without its full stop. @param waitMs how long the command waited for an answer */
export function answerInWords(answer: GatewayAnswer, waitMs: number): string {
  switch (answer.kind) {
    case 'silence':
      return `Silence for ${waitMs} ms`
    case 'closed':
      return 'The gateway closed the connection without an error response'
    case 'error-response': {
      const { statusCode, identifier } = answer.response
      return `Error response: status ${statusCode} (${statusCodeName(statusCode)}) for identifier ${identifier}`
    }
  }
}
