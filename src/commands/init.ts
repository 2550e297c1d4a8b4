/** The command line of `init`. */
import { isIP } from 'node:net'
import { declare, type ArgumentsOf } from './declaration.ts'
import { choice, exitCodes, text } from './option-builder.ts'

/** See `apns-legacy-proxy init --help`. */
export const init = declare(
  'init [files..]',
  'Write a configuration, a CA and a server certificate for your credentials',
  (yargs) =>
    yargs
      .positional('files', {
        type: 'string',
        array: true,
        describe:
          'Push certificates with their keys (.p12, .pem), or a signing key (.p8) and the ' +
          'certificates of its senders',
      })
      .options({
        directory: text('Folder to write to', { alias: 'd', default: '.' }),
        host: text('Additional host name or IP address of this machine, for its certificate', {
          array: true,
          default: [] as string[],
          coerce: (hosts: string[]) => hosts.map(checkedHost),
        }),
        'key-type': choice(
          'rsa',
          ['rsa', 'ecdsa'],
          'Key type of the server certificate; old senders support only rsa',
        ),
        'passphrase-file': text(
          'File with the passphrase of a file; or set APNS_LEGACY_PROXY_PASSPHRASE',
          { array: true, default: [] as string[] },
        ),
        topic: text('For a .p8: bundle ID, if the sender certificate has none'),
        'key-id': text('For a .p8: key ID, if the file name is not AuthKey_<keyId>.p8'),
        'team-id': text('For a .p8: team ID, if the sender certificate has none'),
        ca: text('Existing CA certificate to use; its key is in the .key file beside it'),
      })
      .example('$0 init mdm-push.p12 --passphrase-file mdm-push.pass', 'Set up for an MDM server')
      .example('$0 init AuthKey_ABC123DEFG.p8 old-push.pem', 'Set up for an app')
      .epilogue(`Exit code 0: done; ${exitCodes}`),
)

export type InitArguments = ArgumentsOf<typeof init>

function checkedHost(host: string): string {
  if (isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host)) return host
  throw new Error(`--host ${host}: write a name or an address alone, without scheme and port`)
}
