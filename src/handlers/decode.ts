/** What `decode` does: describes what a sender and a gateway said to each other. */
import {
  readSource,
  SourceReader,
  type Source,
  type SourceFormat,
  type SourcePart,
} from '../capture/capture-source.ts'
import { SourceDescriber, type Service } from '../capture/describer.ts'
import type { Description } from '../capture/description.ts'
import { ExitCode } from './exit-code.ts'
import { openInput } from './input.ts'
import { printText } from './output.ts'
import { ProgressBar } from './progress-bar.ts'

/** What the command line says. */
export interface DecodeArguments {
  /** Path, or `-` for standard input. */
  readonly file: string
  readonly format: SourceFormat
  readonly service: Service
  readonly maxPayloadBytes: number
  readonly mask?: boolean | undefined
}

/** Prints the descriptions; exit code 1 where a stream cannot be read on. */
export async function decode(args: DecodeArguments): Promise<void> {
  const { chunks, totalBytes } = await openInput(args.file)
  // Lines on the same terminal would be drawn over.
  const bar =
    totalBytes === undefined || process.stdout.isTTY
      ? undefined
      : new ProgressBar(totalBytes, 'bytes')
  const text = async function* (): AsyncGenerator<string> {
    for await (const descriptions of described(chunks, args, bar)) {
      if (descriptions.some(({ kind }) => kind === 'unreadable')) process.exitCode = ExitCode.failed
      yield descriptions.map((description) => `${JSON.stringify(description)}\n`).join('')
    }
  }
  try {
    await printText(text())
  } finally {
    bar?.clear()
  }
}

/** The log's hash of a secret; the logger behind it is loaded where it is asked for. */
async function tagger(): Promise<(secret: Buffer) => string> {
  const { tokenTag } = await import('../log/log.ts')
  return (secret) => tokenTag(secret.toString('hex'))
}

/** As the input comes: it may be longer than memory. */
async function* described(
  chunks: AsyncIterable<Buffer>,
  { file, format, service, maxPayloadBytes, mask }: DecodeArguments,
  bar: ProgressBar | undefined,
): AsyncGenerator<Description[]> {
  const source = new SourceReader(format)
  const describer = new SourceDescriber({
    service,
    maxPayloadBytes,
    mask: mask === true ? await tagger() : undefined,
  })
  const partsOf = (read: () => Iterable<SourcePart>): Description[] =>
    named(file, () => [...read()].flatMap((part) => [...describer.receive(part)]))
  for await (const chunk of chunks) {
    yield partsOf(() => source.receive(chunk))
    bar?.add(chunk.length)
  }
  yield partsOf(() => source.end())
  yield [...describer.end()]
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
