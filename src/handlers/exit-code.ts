/** The exit codes of every command, and the error that has one. — source: sysexits.h, from 64 on */
export const ExitCode = {
  ok: 0,
  /** The work failed, or there is no such command. */
  failed: 1,
  /** An option, or the value of one, is wrong. */
  usage: 64,
  /** The file to read is missing, unreadable or empty. */
  input: 66,
  /** The drain deadline passed with notifications unsettled. */
  unsettled: 75,
  /** The configuration is invalid, or a certificate, key or passphrase cannot be used. */
  configuration: 78,
} as const

type FailureCode = Exclude<(typeof ExitCode)[keyof typeof ExitCode], 0>

/** A command cannot do its work. Radius: the command, which ends with this exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: FailureCode

  constructor(exitCode: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
