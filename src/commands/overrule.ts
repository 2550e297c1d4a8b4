/** The command line of `overrule`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { adminOptions, exitCodes, flag, text } from './option-builder.ts'

/** See `apns-legacy-proxy overrule --help`. */
export const overrule = declare(
  'overrule',
  'Let a suspected route tell its senders which tokens are bad',
  (yargs) =>
    yargs
      .options({
        route: text('Name of the suspected route', { demandOption: true, requiresArg: true }),
        ...adminOptions,
        yes: flag('Do not ask for confirmation', { alias: 'y' }),
      })
      .example('$0 overrule --route app', 'Tell what route app holds back')
      .epilogue(
        'While APNs rejects every token of a route, the proxy tells no sender: a wrong certificate, ' +
          'topic or environment has the same effect. Check these first, with `check --live`. If they ' +
          'are right and the tokens are bad, this command lets the proxy ask APNs again about all ' +
          'that it holds back, and tell the senders. Senders may then delete these tokens.\n\n' +
          `Exit code 0: done; ${exitCodes}`,
      ),
)

export type OverruleArguments = ArgumentsOf<typeof overrule>
