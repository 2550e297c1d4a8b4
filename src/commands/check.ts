/** The command line of `check`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { flag, text } from './option-builder.ts'

/** See `apns-legacy-proxy check --help`. */
export const check = declare(
  'check',
  'Check the configuration, certificates and connectivity to APNs',
  (yargs) =>
    yargs
      .options({
        config: text('Configuration, YAML or JSON', { alias: 'c', default: 'proxy.yaml' }),
        offline: flag('Check files and certificates only, without network access'),
        live: flag('Also push to a token of no device; APNs must reject only the token', {
          conflicts: 'offline',
        }),
        json: flag('Print one JSON object'),
      })
      .example('$0 check', 'Check proxy.yaml and the connection to APNs')
      .epilogue(
        'If the configuration has alarms, their receivers get a test alarm, except with --offline.\n\n' +
          'Exit code 0: ready, perhaps with warnings; 1: not ready.',
      ),
)

export type CheckArguments = ArgumentsOf<typeof check>
