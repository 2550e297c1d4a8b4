/** The command line of `report`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'

const options = {
  config: {
    alias: 'c',
    string: true,
    requiresArg: true,
    describe: 'Configuration; default: proxy.yaml, or the rehearsal in this folder',
  },
  admin: {
    string: true,
    requiresArg: true,
    describe: 'Where the admin listener is, where not as configured: http://host:port',
  },
  'data-directory': {
    string: true,
    requiresArg: true,
    conflicts: 'admin',
    describe: 'Read this folder, and ask no proxy',
  },
  json: { boolean: true, describe: 'For machines: one JSON object' },
} as const

/** See `apns-legacy-proxy report --help`. */
export const report: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'report',
  describe: 'Tell for each sender what it would take to retire it',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 report > report.md', 'Of the proxy that proxy.yaml configures')
      .example('$0 report --json | jq .senders[].summary', 'A line for each sender')
      .epilogue(
        'Asks the running proxy at its admin listener; where none runs, reads what it has left in ' +
          'its data directory. Neither has a device token or a payload in it.',
      ),
  handler: async (args) => (await import('../handlers/report.ts')).report(args),
}
