/** The command line of `reload`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { adminOptions } from './option-builder.ts'

/** See `apns-legacy-proxy reload --help`. */
export const reload = declare(
  'reload',
  'Let the running proxy apply its changed configuration',
  (yargs) =>
    yargs
      .options(adminOptions)
      .example('$0 reload', 'Apply proxy.yaml')
      .epilogue(
        'The same as SIGHUP, but it waits and says what happened. If anything is wrong, the proxy ' +
          'keeps its old configuration.\n\nExit code 0: applied; 78: the configuration cannot be used.',
      ),
)

export type ReloadArguments = ArgumentsOf<typeof reload>
