/** The command line of `check`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { configurationFile, flag, text } from './option-builder.ts'

/** See `apns-legacy-proxy check --help`. */
export const check = declare(
  'check',
  'Check the configuration, certificates and connectivity to APNs',
  (yargs) =>
    yargs
      .options({
        config: configurationFile('Configuration, YAML or JSON', { default: 'proxy.yaml' }),
        offline: flag('Check files and certificates only, without network access'),
        live: flag('Also push to a token of no device; APNs must reject only the token', {
          conflicts: 'offline',
        }),
        token: text('With --live: device token of an app of yours, to find its environment', {
          requiresArg: true,
          implies: 'live',
        }),
        json: flag('Print one JSON object'),
      })
      .example('$0 check', 'Check proxy.yaml and the connection to APNs')
      .check(({ token }) => {
        if (token === undefined || /^([0-9a-f]{2})+$/i.test(token)) return true
        throw new Error('--token: write hexadecimal digits, two for each byte')
      })
      .epilogue(
        '--token sends a real push to a device: apns-push-type background, priority 5, expiration 0, ' +
          'payload {"aps":{"content-available":1}}. If the environment of a route does not know the ' +
          'token, the check asks the other environment. The token is not printed.',
      )
      .epilogue(
        'If the configuration has alarms, their receivers get a test alarm, except with --offline.\n\n' +
          'Exit code 0: ready, perhaps with warnings; 1: not ready, whatever the fault; 64: wrong option.',
      ),
)

export type CheckArguments = ArgumentsOf<typeof check>
