/** `replay`: plays a capture against a gateway. */
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs'
import { statusCodeName } from '../binary/status-code.ts'
import type { CapturedConnection } from '../capture/capture.ts'
import type { Clock } from '../clock.ts'
import { replay as play, type Played } from '../sender/replay.ts'
import { sourceOf } from './decode.ts'
import { ExitCode } from './exit-code.ts'
import { inputPath, readInput } from './input.ts'
import { wholeNumber } from './number-option.ts'
import { ProgressBar } from './progress-bar.ts'
import { senderFrom, senderOptions } from './sender-option.ts'
import { stopSignal } from './stop-signal.ts'

const speeds = { '1': 1, '2': 2, max: Infinity } as const

const options = {
  ...senderOptions(2195),
  speed: {
    string: true,
    choices: ['1', '2', 'max'] as const,
    default: '1' as keyof typeof speeds,
    describe: 'As it was, twice as fast, or without its pauses',
  },
  once: {
    boolean: true,
    describe: 'Do not go on over a new connection behind an error response',
  },
  wait: {
    number: true,
    default: 1000,
    coerce: wholeNumber('wait', 0, 3_600_000),
    describe: 'Milliseconds of silence that mean success',
  },
} as const

type ReplayArguments = InferredOptionTypes<typeof options> & { file: string }

/** See `apns-legacy-proxy replay --help`. */
export const replay: CommandModule<object, ReplayArguments> = {
  command: 'replay <file>',
  describe: 'Play a capture against a gateway, with its records and pauses',
  builder: (yargs) =>
    yargs
      .positional('file', {
        type: 'string',
        demandOption: true,
        coerce: inputPath,
        describe: 'Capture, or the bytes that a sender wrote; - reads standard input',
      })
      .options(options)
      .example('$0 replay houston.capture --certificate push.p12', 'As it was recorded')
      .epilogue('Exit code 0: the capture was played whole, whatever the gateway said.'),
  handler: run,
}

async function run(args: ArgumentsCamelCase<ReplayArguments>): Promise<void> {
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

/** Its timers keep the process alive: between two connections nothing else does. */
const wakefulClock: Clock = {
  now: () => Date.now(),
  after(ms, wake) {
    const timer = setTimeout(wake, ms)
    return () => {
      clearTimeout(timer)
    }
  },
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
  switch (answer.kind) {
    case 'silence':
      return `${what} Silence for ${waitMs} ms.`
    case 'closed':
      return `${what} The gateway closed the connection without a word; its log says why.`
    case 'error-response': {
      const { statusCode, identifier } = answer.response
      return `${what} Error response: status ${statusCode} (${statusCodeName(statusCode)}) for identifier ${identifier}.`
    }
  }
}
