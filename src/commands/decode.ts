/** `decode`: explains what a sender and a gateway said to each other. */
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs'
import {
  readSource,
  sourceFormats,
  SourceReader,
  type Source,
  type SourceFormat,
  type SourcePart,
} from '../capture/capture-source.ts'
import {
  services,
  SourceExplainer,
  type Explanation,
  type Service,
} from '../capture/explanation.ts'
import { tokenTag } from '../log.ts'
import { ExitCode } from './exit-code.ts'
import { inputPath, openInput } from './input.ts'
import { wholeNumber } from './number-option.ts'
import { printText } from './output.ts'
import { ProgressBar } from './progress-bar.ts'

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
  const { chunks, totalBytes } = await openInput(args.file)
  // Lines on the same terminal would be drawn over.
  const bar =
    totalBytes === undefined || process.stdout.isTTY
      ? undefined
      : new ProgressBar(totalBytes, 'bytes')
  const text = async function* (): AsyncGenerator<string> {
    for await (const explanations of explained(chunks, args, bar)) {
      if (explanations.some(({ kind }) => kind === 'unreadable')) process.exitCode = ExitCode.failed
      yield explanations.map((explanation) => `${JSON.stringify(explanation)}\n`).join('')
    }
  }
  try {
    await printText(text())
  } finally {
    bar?.clear()
  }
}

/** As the input comes: it may be longer than memory. */
async function* explained(
  chunks: AsyncIterable<Buffer>,
  { file, format, service, maxPayloadBytes, mask }: ArgumentsCamelCase<DecodeOptions>,
  bar: ProgressBar | undefined,
): AsyncGenerator<Explanation[]> {
  const source = new SourceReader(format)
  const explainer = new SourceExplainer({
    service,
    maxPayloadBytes,
    mask: mask === true ? (secret) => tokenTag(secret.toString('hex')) : undefined,
  })
  const partsOf = (read: () => Iterable<SourcePart>): Explanation[] =>
    named(file, () => [...read()].flatMap((part) => [...explainer.receive(part)]))
  for await (const chunk of chunks) {
    yield partsOf(() => source.receive(chunk))
    bar?.add(chunk.length)
  }
  yield partsOf(() => source.end())
  yield [...explainer.end()]
}

/** @throws Error that names the file and what in it cannot be read */
export function sourceOf(file: string, input: Buffer): Source {
  return named(file, () => readSource(input, 'auto'))
}

function named<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const where = file === '-' ? 'standard input' : file
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : 'unreadable'}`, { cause })
  }
}
