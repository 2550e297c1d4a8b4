/** What goes wrong in a command, as a message with its cure and an exit code. */
import { ConfigError } from '../config/config-error.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import { ExitCode } from './exit-code.ts'

/** Says it on stderr, and sets the exit code. */
export function fail(error: unknown): void {
  console.error(explain(error))
  process.exitCode =
    error instanceof ConfigError || error instanceof CredentialError
      ? ExitCode.configuration
      : ExitCode.failed
}

/** The messages of the operating system say what happened; these say what to do. */
function explain(error: unknown): string {
  if (error instanceof CredentialError) return error.messageForOptions
  if (!(error instanceof Error)) return String(error)
  const cures: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there; stop it or choose another port',
    EACCES: 'this user may not do that; give it the permission, another folder or another port',
    EADDRNOTAVAIL: 'this machine has no such address; correct the host of the listener',
    ECONNREFUSED: 'nothing listens there; start the gateway, or correct --host and --port',
    ENOENT: 'correct the path',
    ENOTFOUND: 'no such host is known; correct its name',
    ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS; correct --port',
    ECONNRESET:
      'the other side closed during the handshake: a gateway says why in its log, anything else ' +
      'means that --port is another',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'name the CA of the gateway with --ca',
    SELF_SIGNED_CERT_IN_CHAIN: 'name the CA of the gateway with --ca',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'name the CA of the gateway with --ca',
    ERR_TLS_CERT_ALTNAME_INVALID: 'name a host of its certificate with --server-name',
  }
  const cure = 'code' in error ? cures[String(error.code)] : undefined
  return cure === undefined ? error.message : `${error.message}: ${cure}`
}
