/** What every command that acts as a legacy sender is told: where the gateway is, and who it is. */
import { wholeNumber } from './number-option.ts'

/** Options for yargs. @param port where the gateway listens unless told otherwise */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the options say
export function senderOptions(port: number) {
  return {
    host: { string: true, default: '127.0.0.1', describe: 'Gateway to connect to' },
    port: {
      number: true,
      default: port,
      coerce: wholeNumber('port', 1, 65_535),
      describe: 'Its port',
    },
    certificate: {
      string: true,
      demandOption: true,
      describe: "The sender's push certificate: .p12, or .pem with or without its key",
    },
    key: { string: true, describe: 'Its key, where it is in another file' },
    'passphrase-file': { string: true, describe: 'File with the passphrase, if any' },
    ca: { string: true, describe: "CA that signed the gateway's certificate, PEM" },
    'server-name': {
      string: true,
      default: 'gateway.push.apple.com',
      describe: "Name to look for in the gateway's certificate",
    },
  } as const
}

/** How long a command waits for the gateway, ms. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the option says
export function waitOption(defaultMs: number, describe: string) {
  const coerce = wholeNumber('wait', 0, 3_600_000)
  return { number: true, default: defaultMs, coerce, describe } as const
}
