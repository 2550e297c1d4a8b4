#!/usr/bin/env node
/** The command line: finds the command, and turns what goes wrong into a message and an exit code. */
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { check } from './commands/check.ts'
import { decode } from './commands/decode.ts'
import { ExitCode } from './commands/exit-code.ts'
import { feedback } from './commands/feedback.ts'
import { init } from './commands/init.ts'
import { joinDashes } from './commands/input.ts'
import { replay } from './commands/replay.ts'
import { report } from './commands/report.ts'
import { send } from './commands/send.ts'
import { serve } from './commands/serve.ts'
import { simulate } from './commands/simulate.ts'
import { ConfigError } from './config/config-error.ts'
import { CredentialError } from './credentials/credential-error.ts'
import { version } from './version.ts'

try {
  await yargs(joinDashes(hideBin(process.argv)))
    .scriptName('apns-legacy-proxy')
    .usage('$0 <command>\n\nServes the retired binary push protocol and sends on over HTTP/2.')
    .command(init)
    .command(check)
    .command(serve)
    .command(send)
    .command(feedback)
    .command(decode)
    .command(replay)
    .command(report)
    .command(simulate)
    .demandCommand(1, 'Name a command. To see it work, start with: apns-legacy-proxy serve')
    .strict()
    .version(version)
    .alias({ help: 'h', version: 'v' })
    .wrap(80)
    .fail((message: string | undefined, error: Error | undefined) => {
      throw error ?? new Error(`${message ?? 'Not understood'}\nSee --help.`)
    })
    .parseAsync()
} catch (error) {
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
