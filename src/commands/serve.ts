/** The command line of `serve`. */
import { isIP } from 'node:net'
import { moodOf, moodOptions } from './mood-option.ts'
import { declare, type ArgumentsOf, type OptionsOf } from './declaration.ts'
import { configurationFile, flag, text, wholeNumber } from './option-builder.ts'

const implies = 'capture'
const requiresArg = true

/** Options that record connections. */
const captureOptions = {
  capture: text('Record connections to files in this folder; see decode and replay', {
    requiresArg,
  }),
  'capture-route': text('Record only this route', { requiresArg, implies }),
  'capture-address': text('Record only the sender at this address', {
    requiresArg,
    implies,
    coerce: address,
  }),
  'capture-bytes': wholeNumber('capture-bytes', 1024, 2 ** 32, {
    describe: 'Maximum size of a file; recording then stops',
    default: 1_048_576,
  }),
  'capture-connections': wholeNumber('capture-connections', 1, 1_000_000, {
    describe: 'Maximum number of files; recording then stops',
    default: 100,
  }),
  'capture-tokens': flag('Record device tokens in clear, not masked', { implies }),
  'capture-payloads': flag('Record payloads in clear, not masked', { implies }),
} as const

/** See `apns-legacy-proxy serve --help`. */
export const serve = declare(
  'serve',
  'Run the proxy; without --config, run a rehearsal on this machine',
  (yargs) =>
    yargs
      .options({
        config: configurationFile('Configuration, YAML or JSON'),
        rehearse: flag('Send to a simulator instead of Apple; implied without --config'),
        'data-directory': text(
          'Folder for the temporary certificates of a rehearsal without --config',
          { default: 'data' },
        ),
        ...moodOptions,
        ...captureOptions,
      })
      .check((args) => {
        if (args.config === undefined || args.rehearse === true || moodOf(args) === undefined)
          return true
        throw new Error('A mood of the simulator needs --rehearse: without it, pushes go to Apple')
      })
      .example('$0 serve', 'Run a rehearsal')
      .example('$0 serve --mood throttled', 'Rehearse an hour in which APNs takes nothing')
      .example('$0 serve -c proxy.yaml', 'Send to APNs')
      .epilogue(
        'SIGHUP reloads the configuration. SIGTERM or Ctrl-C finishes and exits; a second one ' +
          'exits at once. Exit code 0: all notifications are settled; 75: the next start delivers ' +
          'the rest from the journal; 78: the configuration is invalid; 64: wrong option; 1: another ' +
          'failure. If the reader of the log goes away, the proxy goes on without a log.',
      ),
)

export type ServeArguments = ArgumentsOf<typeof serve>

export type CaptureArguments = OptionsOf<typeof captureOptions>

function address(text: string): string {
  if (isIP(text) !== 0) return text
  throw new Error('--capture-address: write one IP address, as in the log event connection.opened')
}
