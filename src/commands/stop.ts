/** The command line of `stop`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { adminOptions, flag } from './option-builder.ts'

/** See `apns-legacy-proxy stop --help`. */
export const stop = declare(
  'stop',
  'Stop the running proxy when its deliveries are settled',
  (yargs) =>
    yargs
      .options({
        ...adminOptions,
        wait: flag('Wait until the proxy has stopped; --no-wait returns at once', {
          default: true,
        }),
        yes: flag('Do not ask for confirmation', { alias: 'y' }),
      })
      .example('$0 stop --yes', 'Stop the proxy of proxy.yaml')
      .epilogue(
        'The same as SIGTERM. A service manager may start the proxy again: use its own command there.' +
          '\n\nExit code 0: all is settled; 75: the rest is in the journal, for the next start.',
      ),
)

export type StopArguments = ArgumentsOf<typeof stop>
