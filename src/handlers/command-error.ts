/** Turns a failure of a command into a message with its cure, and an exit code. */
import { ConfigError } from '../config/config-error.ts'
import { fileFault } from '../config/file-fault.ts'
import { CredentialError } from '../credentials/credential-error.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import { usageError, type CommandLine } from './usage-error.ts'

/** Prints the message on stderr and sets the exit code. @param line what was typed */
export function fail(error: unknown, line?: CommandLine): void {
  const isUsage = error instanceof CommandError && error.exitCode === ExitCode.usage
  const shown = isUsage && line !== undefined ? usageError(error.message, line) : error
  console.error(explain(shown))
  process.exitCode = exitCodeOf(shown)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode
  if (error instanceof ConfigError || error instanceof CredentialError)
    return ExitCode.configuration
  return error instanceof Error && error.cause instanceof CredentialError
    ? ExitCode.configuration
    : ExitCode.failed
}

const nameAuthority = "name the CA of the gateway's certificate with --ca"

/** By error code of Node or of the operating system, whose message does not say what to do. */
const cures: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; stop it or choose another port',
  EACCES: 'this user has no permission; grant it, or choose a port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address; correct the host of the listener',
  ECONNREFUSED: 'nothing listens there; start the gateway, or correct --host and --port',
  ENOTFOUND: 'this host name is unknown; correct it',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the program at this port does not speak TLS; correct --port',
  ECONNRESET:
    'the other side closed the connection during the handshake; read the log of the gateway, or ' +
    'correct --port if it is not the port of a gateway',
  DEPTH_ZERO_SELF_SIGNED_CERT: nameAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: nameAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: nameAuthority,
  ERR_TLS_CERT_ALTNAME_INVALID: "name a host of the gateway's certificate with --server-name",
}

function explain(error: unknown): string {
  if (error instanceof CredentialError) return error.messageForOptions
  if (!(error instanceof Error)) return String(error)
  const own = fileFault(error)
  if (own !== undefined) return 'path' in error ? `${String(error.path)}: ${own}` : own
  const fault = fileFault(error.cause)
  if (fault !== undefined) return `${error.message}: ${fault}`
  const cure = 'code' in error ? cures[String(error.code)] : undefined
  return cure === undefined ? error.message : `${error.message}: ${cure}`
}
