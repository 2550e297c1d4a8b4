/** The command line of `decode`. */
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { inputFile } from './lone-dash.ts'
import { wholeNumber } from './number-option.ts'

const options = {
  format: {
    choices: ['auto', 'capture', 'raw', 'hex'] as const,
    default: 'auto' as const,
    describe: 'A capture, the bytes themselves, or their hexadecimal digits',
  },
  service: {
    choices: ['auto', 'gateway', 'feedback'] as const,
    default: 'auto' as const,
    describe: 'Whose bytes they are, where their beginning does not tell',
  },
  'max-payload-bytes': {
    number: true,
    default: 4096,
    coerce: wholeNumber('max-payload-bytes', 1, 0xffff),
    describe: 'Longer payloads are refused; 5120 for VoIP',
  },
  mask: {
    boolean: true,
    describe: 'Show a hash of each token and payload, alike for alike within one run',
  },
} as const

type DecodeOptions = InferredOptionTypes<typeof options> & { file: string }

/** See `apns-legacy-proxy decode --help`. */
export const decode: CommandModule<object, DecodeOptions> = {
  command: 'decode <file>',
  describe: 'Explain a capture or raw bytes, and where they break',
  builder: (yargs) =>
    yargs
      .positional('file', inputFile('Capture, bytes or hexadecimal digits; - reads standard input'))
      .options(options)
      .example('$0 decode houston.capture', 'A JSON line for each message')
      .example('$0 decode push.bin --mask', 'Fit to be shown to others')
      .epilogue('Exit code 1: a stream breaks off or cannot be read on; `fault` says where.'),
  handler: async (args) => (await import('../handlers/decode.ts')).decode(args),
}
