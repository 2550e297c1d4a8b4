/** The options of every command that connects as a legacy sender. */
import type { OptionsOf } from './declaration.ts'
import { text, wholeNumber } from './option-builder.ts'

/** Options for yargs. @param port default port of the gateway */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the options say
export function senderOptions(port: number) {
  return {
    host: text('Gateway to connect to', { default: '127.0.0.1' }),
    port: wholeNumber('port', 1, 65_535, { describe: 'Port of the gateway', default: port }),
    certificate: text('Push certificate of the sender: .p12 or .pem, with or without its key', {
      demandOption: true,
    }),
    key: text('Private key, if it is in another file'),
    'passphrase-file': text('File with the passphrase, if the key has one'),
    ca: text("CA that signed the gateway's certificate, PEM"),
    'server-name': text("Host name expected in the gateway's certificate", {
      default: 'gateway.push.apple.com',
    }),
  } as const
}

export type SenderArguments = OptionsOf<ReturnType<typeof senderOptions>>

/** How long a command waits for the gateway, ms. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the option says
export function waitOption(defaultMs: number, describe: string) {
  return wholeNumber('wait', 0, 3_600_000, { describe, default: defaultMs })
}
