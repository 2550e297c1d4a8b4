/** The command line of `decode`. */
import { declare, type ArgumentsOf } from './declaration.ts'
import { choice, flag, inputFile, wholeNumber } from './option-builder.ts'

/** See `apns-legacy-proxy decode --help`. */
export const decode = declare(
  'decode <file>',
  'Decode a capture or raw bytes, and show where they are malformed',
  (yargs) =>
    yargs
      .positional('file', inputFile('Capture, bytes or hexadecimal digits; - reads standard input'))
      .options({
        format: choice(
          'auto',
          ['auto', 'capture', 'raw', 'hex'],
          'Format of the file; auto detects it',
        ),
        service: choice(
          'auto',
          ['auto', 'gateway', 'feedback'],
          'Service of the bytes; auto detects it from the first ones',
        ),
        'max-payload-bytes': wholeNumber('max-payload-bytes', 1, 0xffff, {
          describe: 'Maximum size of a payload; VoIP: 5120',
          default: 4096,
        }),
        mask: flag('Replace tokens and payloads by hashes; equal ones get equal hashes'),
      })
      .example('$0 decode houston.capture', 'Print a JSON line for each message')
      .example('$0 decode push.bin --mask', 'Print output without secrets, to share it')
      .epilogue(
        'Exit code 1: a stream is truncated or malformed; `fault` shows the place. 64: wrong option; ' +
          '66: no file to read.',
      ),
)

export type DecodeArguments = ArgumentsOf<typeof decode>
