/** The command line of `told`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { exitCodes, text } from './option-builder.ts'

const requiresArg = true

/** See `apns-legacy-proxy told --help`. */
export const told = declare(
  'told',
  'List the device tokens that senders were told to delete, and why',
  (yargs) =>
    yargs
      .options({
        config: text('Configuration; default: proxy.yaml, else the rehearsal in this folder', {
          alias: 'c',
          requiresArg,
        }),
        'data-directory': text('Read the store in this data directory', {
          requiresArg,
          conflicts: 'config',
        }),
        since: text('From this time on: 2026-11-01, 2026-11-01T12:00Z, 7d or 12h', { requiresArg }),
        until: text('Up to this time, in the same forms; default: now', { requiresArg }),
        route: text('Only this route', { requiresArg }),
        reason: text('Only this reason, such as BadDeviceToken', { requiresArg }),
        format: {
          choices: ['summary', 'csv', 'jsonl'],
          describe: 'Default: summary on a terminal, else csv',
          requiresArg,
        },
      } as const)
      .example('$0 told', 'Count the tokens by route and reason')
      .example('$0 told --since 7d --format csv > told.csv', 'List the tokens of a week')
      .example('$0 told --route app --format jsonl | jq -r .token', 'List tokens alone')
      .epilogue(
        'A sender deletes a token after an error response with status 8, or after a tuple of the ' +
          'feedback service. The proxy keeps both for told.keepDays (30). This works while the ' +
          'proxy runs, and while it is stopped. Times are UTC. The output contains device tokens ' +
          'in clear text. To restore a list, see docs/operating.md.\n\n' +
          `Exit code 0: done; ${exitCodes}`,
      ),
)

export type ToldArguments = ArgumentsOf<typeof told>
