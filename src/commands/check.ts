/** The command line of `check`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'

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
  handler: async (args) => (await import('../handlers/check.ts')).check(args),
}
