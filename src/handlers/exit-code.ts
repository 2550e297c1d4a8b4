/** The exit codes of every command. — source: sysexits.h for 75 and 78 */
export const ExitCode = {
  ok: 0,
  failed: 1,
  /** The drain deadline passed with notifications unsettled. */
  unsettled: 75,
  /** The configuration is invalid. */
  configuration: 78,
} as const
