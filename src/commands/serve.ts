/** The command line of `serve`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { captureOptions } from './capture-option.ts'

const options = {
  config: { alias: 'c', string: true, describe: 'Configuration, YAML or JSON' },
  rehearse: {
    boolean: true,
    describe: 'Send to a simulator instead of Apple; so it is without --config, too',
  },
  'data-directory': {
    string: true,
    default: 'data',
    describe: 'Where a rehearsal without --config keeps its throw-away certificates',
  },
  ...captureOptions,
} as const

/** See `apns-legacy-proxy serve --help`. */
export const serve: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'serve',
  describe: 'Run the gateway; without --config, a rehearsal on this machine alone',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 serve', 'See it work: a rehearsal')
      .example('$0 serve -c proxy.yaml', 'For real')
      .epilogue(
        'SIGHUP takes up a changed configuration, SIGTERM or Ctrl-C finishes, a second one stops ' +
          'at once. Exit code 0: all settled; 75: the rest waits in the journal for the next ' +
          'start; 78: mistakes in the configuration; 1: another failure.',
      ),
  handler: async (args) => (await import('../handlers/serve.ts')).serve(args),
}
