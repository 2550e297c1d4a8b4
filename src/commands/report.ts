/** The command line of `report`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { configurationFile, exitCodes, flag, text } from './option-builder.ts'

/** See `apns-legacy-proxy report --help`. */
export const report = declare('report', 'Show what it would take to migrate each sender', (yargs) =>
  yargs
    .options({
      config: configurationFile(
        'Configuration; default: proxy.yaml, else the rehearsal in this folder',
      ),
      admin: text('Address of the admin listener, if not the configured one: http://host:port', {
        requiresArg: true,
      }),
      'data-directory': text('Read this data directory; ask no proxy', {
        requiresArg: true,
        conflicts: 'admin',
      }),
      json: flag('Print one JSON object'),
    })
    .example('$0 report > report.md', 'Report on the proxy of proxy.yaml')
    .example('$0 report --json | jq .senders[].summary', 'Print one line for each sender')
    .epilogue(
      'Asks the running proxy at its admin listener. If no proxy runs, reads the data directory ' +
        'of the last one. The report contains no device tokens and no payloads.\n\n' +
        `Exit code 0: done; ${exitCodes}`,
    ),
)

export type ReportArguments = ArgumentsOf<typeof report>
