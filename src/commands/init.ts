/** The command line of `init`. */
import { isIP } from 'node:net'
import type { CommandModule, InferredOptionTypes } from 'yargs'

const options = {
  directory: { alias: 'd', string: true, default: '.', describe: 'Where to write' },
  host: {
    string: true,
    array: true,
    default: [] as string[],
    coerce: (hosts: string[]) => hosts.map(checkedHost),
    describe: 'Further names and addresses by which senders reach this machine',
  },
  'key-type': {
    choices: ['rsa', 'ecdsa'] as const,
    default: 'rsa' as 'rsa' | 'ecdsa',
    describe: 'Of the server certificate; old senders can do rsa only',
  },
  'passphrase-file': {
    string: true,
    array: true,
    default: [] as string[],
    describe: 'File with a passphrase of the files given; or else APNS_LEGACY_PROXY_PASSPHRASE',
  },
  topic: { string: true, describe: 'For a .p8: bundle ID, if the sender certificate lacks it' },
  'key-id': { string: true, describe: 'For a .p8, if its name is not AuthKey_<keyId>.p8' },
  'team-id': { string: true, describe: 'For a .p8, if the sender certificate lacks it' },
  ca: { string: true, describe: 'CA to use instead of a new one, its key beside it as .key' },
} as const

type InitOptions = InferredOptionTypes<typeof options> & { files: string[] | undefined }

/** See `apns-legacy-proxy init --help`. */
export const init: CommandModule<object, InitOptions> = {
  command: 'init [files..]',
  describe: 'Write configuration, CA and server certificate for the files that you have',
  builder: (yargs) =>
    yargs
      .positional('files', {
        type: 'string',
        array: true,
        describe:
          'Push certificates with keys (.p12, .pem), or a signing key (.p8) with the certificates of its senders',
      })
      .options(options)
      .example('$0 init mdm-push.p12 --passphrase-file mdm-push.pass', 'For an MDM server')
      .example('$0 init AuthKey_ABC123DEFG.p8 old-push.pem', 'For an app'),
  handler: async (args) => (await import('../handlers/init.ts')).init(args),
}

function checkedHost(host: string): string {
  if (isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host)) return host
  throw new Error(`--host ${host}: write a name or an address alone, without scheme and port`)
}
