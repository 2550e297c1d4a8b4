/** `check`: tells what is wrong with a configuration before anybody notices. */
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { checkConfiguration } from '../check/check.ts'
import { countOf, report } from '../check/report.ts'
import { systemClock } from '../clock.ts'
import { ExitCode } from './exit-code.ts'

const options = {
  config: {
    alias: 'c',
    string: true,
    default: 'proxy.yaml',
    describe: 'Configuration, YAML or JSON',
  },
  offline: {
    boolean: true,
    describe: 'Ask nothing of the network: files and certificates alone',
  },
  live: {
    boolean: true,
    conflicts: 'offline',
    describe: 'Send a push to a token that no device has, and see that only the token is refused',
  },
  json: { boolean: true, describe: 'For machines: one JSON object' },
} as const

/** See `apns-legacy-proxy check --help`. */
export const check: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'check',
  describe: 'Look at configuration, certificates and the way to APNs',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 check', 'Is proxy.yaml fit for use, and APNs within reach?')
      .epilogue('Exit code 0: ready, perhaps with warnings; 1: not ready.'),
  handler: async ({ config, offline = false, live = false, json = false }) => {
    const findings = await checkConfiguration(config, { offline, live }, systemClock)
    const errors = countOf(findings, 'error')
    const warnings = countOf(findings, 'warning')
    if (json) console.log(JSON.stringify({ ready: errors === 0, errors, warnings, findings }))
    else process.stdout.write(report(findings))
    process.exitCode = errors === 0 ? ExitCode.ok : ExitCode.failed
  },
}
