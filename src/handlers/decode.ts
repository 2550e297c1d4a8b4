/** The work of `decode`: describes the bytes that a sender and a gateway exchanged. */
import { SourceReader, type SourcePart } from '../capture/capture-source.ts'
import { SourceDescriber } from '../capture/source-describer.ts'
import type { Description } from '../capture/describe-message.ts'
import type { DecodeArguments } from '../commands/decode.ts'
import { ExitCode } from './exit-code.ts'
import { inFile, openInput } from './input.ts'
import { printText } from './output.ts'
import { ProgressBar } from './progress-bar.ts'

/** Prints the descriptions. Sets exit code 1 if a stream is malformed. */
export async function decode(args: DecodeArguments): Promise<void> {
  const { chunks, totalBytes } = await openInput(args.file)
  // On one terminal, the bar would overwrite the lines.
  const hasBar = totalBytes !== undefined && !process.stdout.isTTY
  const bar = hasBar ? new ProgressBar(totalBytes, 'bytes') : undefined
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

/** Describes each chunk when it arrives: the input can be larger than memory. */
async function* described(
  chunks: AsyncIterable<Buffer>,
  { file, format, service, maxPayloadBytes, mask }: DecodeArguments,
  bar: ProgressBar | undefined,
): AsyncGenerator<Description[]> {
  const source = new SourceReader(format)
  // Loads the logger, so only `--mask` asks for it.
  const log = mask === true ? await import('../log/log.ts') : undefined
  const tag = log && ((secret: Buffer): string => log.tokenTag(secret.toString('hex')))
  const options = { service, maxPayloadBytes, mask: tag }
  const describer = new SourceDescriber(options)
  const partsOf = (read: () => Iterable<SourcePart>): Description[] =>
    inFile(file, () => [...read()].flatMap((part) => [...describer.receive(part)]))
  for await (const chunk of chunks) {
    yield partsOf(() => source.receive(chunk))
    bar?.add(chunk.length)
  }
  yield partsOf(() => source.end())
  yield [...describer.end()]
}
