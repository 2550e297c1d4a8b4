/** The work of `replay`: replays a capture to a gateway. */
import type { CapturedConnection } from '../capture/capture.ts'
import { readConnections } from '../capture/capture-source.ts'
import { wakefulClock } from '../timing/clock.ts'
import type { ReplayArguments } from '../commands/replay.ts'
import { replay as play, type Played } from '../sender/replay.ts'
import { ExitCode } from './exit-code.ts'
import { inFile, readInput } from './input.ts'
import { ProgressBar } from './progress-bar.ts'
import { answerInWords, senderFrom } from './sender.ts'
import { stopSignal } from './stop-signal.ts'

const speeds = { '1': 1, '2': 2, max: Infinity } as const

/** Prints the answers of the gateway. Sets exit code 1 if records are left. */
export async function replay(args: ReplayArguments): Promise<void> {
  const connections = connectionsOf(args.file, await readInput(args.file))
  const sender = senderFrom(args)
  const bar = new ProgressBar(bytesOf(connections), 'bytes')
  const stopping = new AbortController()
  const stop = stopping.signal
  void stopSignal(() => process.exit(ExitCode.failed)).then(stopping.abort.bind(stopping))
  const { once = false, wait: waitMs, speed } = args
  const played = (connection: Played): void => {
    bar.clear()
    console.log(inWords(connection, waitMs, stop.aborted))
  }
  // Between two connections, only the timers of this clock keep the process alive.
  const deps = { sender, clock: wakefulClock, progress: bar.add.bind(bar), played }
  try {
    const isWhole = await play(connections, { speed: speeds[speed], once, waitMs, stop }, deps)
    if (stop.aborted) console.error('Stopped before the end.')
    if (!isWhole) process.exitCode = ExitCode.failed
  } finally {
    bar.clear()
  }
}

/** @throws Error if no sender wrote anything */
function connectionsOf(file: string, input: Buffer): readonly CapturedConnection[] {
  const connections = inFile(file, () => readConnections(input))
  const spoken = connections.filter(({ records }) => records.some(({ from }) => from === 'sender'))
  if (spoken.length > 0) return spoken
  throw new Error(`${file}: the capture contains no bytes of a sender`)
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
  const why = answer.kind === 'closed' ? '; its log has the reason' : ''
  return `${what} ${answerInWords(answer, waitMs)}${why}.`
}
