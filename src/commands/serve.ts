/** The command line of `serve`. */
import { captureOptions } from './capture-option.ts'
import { declare, type ArgumentsOf } from './declaration.ts'
import { flag, text } from './option.ts'

/** See `apns-legacy-proxy serve --help`. */
export const serve = declare(
  'serve',
  'Run the proxy; without --config, run a rehearsal on this machine',
  (yargs) =>
    yargs
      .options({
        config: { alias: 'c', ...text('Configuration, YAML or JSON') },
        rehearse: flag('Send to a simulator instead of Apple; implied without --config'),
        'data-directory': {
          default: 'data',
          ...text('Folder for the temporary certificates of a rehearsal without --config'),
        },
        ...captureOptions,
      })
      .example('$0 serve', 'Run a rehearsal')
      .example('$0 serve -c proxy.yaml', 'Send to APNs')
      .epilogue(
        'SIGHUP reloads the configuration. SIGTERM or Ctrl-C finishes and exits; a second one ' +
          'exits at once. Exit code 0: all notifications are settled; 75: the next start delivers ' +
          'the rest from the journal; 78: the configuration is invalid; 1: another failure.',
      ),
)

export type ServeArguments = ArgumentsOf<typeof serve>
