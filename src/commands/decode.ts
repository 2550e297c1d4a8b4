/** `decode`: explains what a sender and a gateway said to each other. */
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs'
import { readSource, sourceFormats, type SourceFormat } from '../capture/capture-source.ts'
import {
  explainConnection,
  explainStream,
  services,
  type Explanation,
  type ExplanationOptions,
  type Service,
} from '../capture/explanation.ts'
import { tokenTag } from '../log.ts'
import { ExitCode } from './exit-code.ts'
import { inputPath, readInput } from './input.ts'
import { wholeNumber } from './number-option.ts'
import { printLines } from './output.ts'

const options = {
  format: {
    choices: sourceFormats,
    default: 'auto' as SourceFormat,
    describe: 'A capture, the bytes themselves, or their hexadecimal digits',
  },
  service: {
    choices: services,
    default: 'auto' as Service,
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
      .positional('file', {
        type: 'string',
        demandOption: true,
        coerce: inputPath,
        describe: 'Capture, bytes or hexadecimal digits; - reads standard input',
      })
      .options(options)
      .example('$0 decode houston.capture', 'A JSON line for each message')
      .example('$0 decode push.bin --mask', 'Fit to be shown to others')
      .epilogue('Exit code 1: a stream breaks off or cannot be read on; `fault` says where.'),
  handler: run,
}

async function run(args: ArgumentsCamelCase<DecodeOptions>): Promise<void> {
  const input = await readInput(args.file)
  const lines = function* (): Generator<string> {
    for (const explanation of explained(input, args)) {
      if (explanation.kind === 'unreadable') process.exitCode = ExitCode.failed
      yield JSON.stringify(explanation)
    }
  }
  await printLines(lines())
}

function* explained(
  input: Buffer,
  { file, format, service, maxPayloadBytes, mask }: ArgumentsCamelCase<DecodeOptions>,
): Generator<Explanation> {
  const source = sourceOf(file, input, format)
  const how: ExplanationOptions = {
    service,
    maxPayloadBytes,
    mask: mask === true ? (secret) => tokenTag(secret.toString('hex')) : undefined,
  }
  if (source.kind === 'stream') yield* explainStream(source.bytes, undefined, how)
  else
    for (const connection of source.capture.connections) yield* explainConnection(connection, how)
}

/** @throws Error that names the file and what in it cannot be read */
export function sourceOf(
  file: string,
  input: Buffer,
  format: SourceFormat,
): ReturnType<typeof readSource> {
  try {
    return readSource(input, format)
  } catch (cause) {
    const where = file === '-' ? 'standard input' : file
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : 'unreadable'}`, { cause })
  }
}
