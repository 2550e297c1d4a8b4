/** What `check` does: finds what is wrong with a configuration before anybody notices. */
import { checkConfiguration } from '../check/check.ts'
import { countOf, report } from '../check/report.ts'
import { systemClock } from '../timing/clock.ts'
import { ExitCode } from './exit-code.ts'

/** What the command line says. */
export interface CheckArguments {
  readonly config: string
  readonly offline?: boolean | undefined
  readonly live?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Prints the findings and sets the exit code. */
export async function check({
  config,
  offline = false,
  live = false,
  json = false,
}: CheckArguments): Promise<void> {
  const findings = await checkConfiguration(config, { offline, live }, systemClock)
  const errors = countOf(findings, 'error')
  const warnings = countOf(findings, 'warning')
  if (json) console.log(JSON.stringify({ ready: errors === 0, errors, warnings, findings }))
  else process.stdout.write(report(findings))
  process.exitCode = errors === 0 ? ExitCode.ok : ExitCode.failed
}
