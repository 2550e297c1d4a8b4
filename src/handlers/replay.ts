/** What `replay` does: plays a capture against a gateway. */
import type { CapturedConnection } from '../capture/capture.ts'
import { wakefulClock } from '../timing/clock.ts'
import { replay as play, type Played } from '../sender/replay.ts'
import { sourceOf } from './decode.ts'
import { ExitCode } from './exit-code.ts'
import { readInput } from './input.ts'
import { ProgressBar } from './progress-bar.ts'
import { answerInWords, senderFrom, type SenderArguments } from './sender.ts'
import { stopSignal } from './stop-signal.ts'

const speeds = { '1': 1, '2': 2, max: Infinity } as const

/** What the command line says. */
export interface ReplayArguments extends SenderArguments {
  /** Path, or `-` for standard input. */
  readonly file: string
  readonly speed: keyof typeof speeds
  readonly once?: boolean | undefined
  /** Milliseconds of silence that mean success. */
  readonly wait: number
}

/** Plays it and prints what the gateway answered; exit code 1 where it was not played whole. */
export async function replay(args: ReplayArguments): Promise<void> {
  const connections = connectionsOf(args.file, await readInput(args.file))
  const sender = senderFrom(args)
  const bar = new ProgressBar(bytesOf(connections), 'bytes')
  const stopping = new AbortController()
  void stopSignal(() => process.exit(ExitCode.failed)).then(() => {
    stopping.abort()
  })
  const { once = false, wait: waitMs, speed } = args
  try {
    const isWhole = await play(
      connections,
      { speed: speeds[speed], once, waitMs, stop: stopping.signal },
      {
        sender,
        // Between two connections nothing else keeps the process alive.
        clock: wakefulClock,
        progress: (bytes) => {
          bar.add(bytes)
        },
        played: (played) => {
          bar.clear()
          console.log(inWords(played, waitMs, stopping.signal.aborted))
        },
      },
    )
    if (stopping.signal.aborted) console.error('Stopped before the end.')
    if (!isWhole) process.exitCode = ExitCode.failed
  } finally {
    bar.clear()
  }
}

/** @throws Error where there is nothing to play */
function connectionsOf(file: string, input: Buffer): readonly CapturedConnection[] {
  const source = sourceOf(file, input)
  const connections =
    source.kind === 'capture' ? source.capture.connections : [unrecorded(source.bytes)]
  const spoken = connections.filter(({ records }) => records.some(({ from }) => from === 'sender'))
  if (spoken.length > 0) return spoken
  throw new Error(`${file}: there is nothing in it that a sender wrote`)
}

/** Bytes without a time, in one record. */
function unrecorded(bytes: Buffer): CapturedConnection {
  const records =
    bytes.length === 0 ? [] : [{ from: 'sender' as const, offsetMs: undefined, bytes }]
  return { number: 1, startMs: undefined, records }
}

function bytesOf(connections: readonly CapturedConnection[]): number {
  return connections
    .flatMap(({ records }) => records)
    .reduce((sum, { from, bytes }) => sum + (from === 'sender' ? bytes.length : 0), 0)
}

function inWords(
  { connection, records, of, answer }: Played,
  waitMs: number,
  isStopped: boolean,
): string {
  const what = `Connection ${connection}: played ${records} of ${of} records.`
  if (isStopped) return what
  const why = answer.kind === 'closed' ? '; its log says why' : ''
  return `${what} ${answerInWords(answer, waitMs)}${why}.`
}
