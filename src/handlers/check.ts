/** The work of `check`: reports what is wrong with a configuration before it is in use. */
import { checkConfiguration } from '../check/check.ts'
import { countOf, report } from '../check/finding.ts'
import { version } from '../proxy/version.ts'
import { systemClock } from '../timing/clock.ts'
import type { CheckArguments } from '../commands/check.ts'
import { ExitCode } from './exit-code.ts'

/** Prints the findings and sets the exit code. */
export async function check({ config, offline, live, token, json }: CheckArguments): Promise<void> {
  const options = { offline: offline === true, live: live === true, token, version }
  const findings = await checkConfiguration(config, options, systemClock)
  const errors = countOf(findings, 'error')
  const warnings = countOf(findings, 'warning')
  if (json === true)
    console.log(JSON.stringify({ ready: errors === 0, errors, warnings, findings }))
  else process.stdout.write(report(findings))
  process.exitCode = errors === 0 ? ExitCode.ok : ExitCode.failed
}
