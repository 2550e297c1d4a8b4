/** `send`: a legacy sender for trying a gateway. */
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs'
import { z } from 'zod'
import type { Command, Notification } from '../binary/notification.ts'
import { statusCodeName } from '../binary/status-code.ts'
import { systemClock } from '../clock.ts'
import { LegacySender, type GatewayAnswer } from '../sender/legacy-sender.ts'
import { readInput } from './input.ts'
import { wholeNumber } from './number-option.ts'
import { ProgressBar } from './progress-bar.ts'
import { senderFrom, senderOptions } from './sender-option.ts'

const options = {
  ...senderOptions(2195),
  command: {
    number: true,
    choices: [0, 1, 2] as const,
    default: 2 as Command,
    describe: 'Notification format: 0 simple, 1 enhanced, 2 framed',
  },
  token: { string: true, describe: 'Device token, hexadecimal' },
  alert: { string: true, default: 'hello', describe: 'Text to show' },
  payload: { string: true, describe: 'JSON to send instead of an alert' },
  identifier: {
    number: true,
    coerce: wholeNumber('identifier', 0, 0xffff_ffff),
    describe: 'Echoed if it is rejected; not in command 0 [default: 1, in a file the line]',
  },
  expiration: {
    number: true,
    coerce: wholeNumber('expiration', 0, 0xffff_ffff),
    describe: 'UNIX seconds; 0 = do not store; not in command 0',
  },
  priority: {
    number: true,
    coerce: wholeNumber('priority', 0, 255),
    describe: '10 immediate or 5 power-saving; command 2 only',
  },
  file: {
    string: true,
    describe: 'JSON lines to send instead, - for standard input: token, payload, …',
  },
  wait: {
    number: true,
    default: 1000,
    coerce: wholeNumber('wait', 0, 3_600_000),
    describe: 'Milliseconds of silence that mean success',
  },
} as const

type SendArguments = ArgumentsCamelCase<InferredOptionTypes<typeof options>>

/** See `apns-legacy-proxy send --help`. */
export const send: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'send',
  describe: 'Send notifications as a legacy sender does',
  builder: (yargs) =>
    yargs
      .options(options)
      .example('$0 send --certificate push.p12 --token 1f2e…', 'One alert')
      .example('$0 send --certificate push.p12 --file pushes.jsonl', 'One a line')
      .check((args) => {
        if (args.token === undefined && args.file === undefined)
          throw new Error('Give --token with a device token, or --file with many')
        if (!/^([0-9a-f]{2})*$/i.test(args.token ?? ''))
          throw new Error('--token: write hexadecimal digits, two for each byte')
        return true
      }),
  handler: run,
}

async function run(args: SendArguments): Promise<void> {
  const drafts = args.file === undefined ? [fromArguments(args)] : await fromFile(args.file, args)
  for (const line of unsent(drafts)) console.error(line)
  const notifications = drafts.map(({ number, ...draft }) => ({
    ...draft,
    identifier: draft.identifier ?? number,
  }))
  const sender = await LegacySender.connect(senderFrom(args), systemClock)
  const bar = new ProgressBar(notifications.length, 'notifications')
  await sender.send(notifications, (count) => {
    bar.add(count)
  })
  const answer = await sender.listen(args.wait, systemClock)
  sender.close()
  bar.clear()
  console.log(inWords(answer, notifications, args.wait))
  if (answer.kind !== 'silence') process.exitCode = 1
}

/** What was asked for, before the format has its say. */
interface Draft extends Omit<Notification, 'kind'> {
  /** Its identifier where none was given: the number of its line. */
  readonly number: number
}

/** Which fields a format has. — source: Apple, "Binary Provider API" and its legacy formats */
const formats = {
  0: { name: 'simple', lacks: ['identifier', 'expiration', 'priority'] },
  1: { name: 'enhanced', lacks: ['priority'] },
  2: { name: 'framed', lacks: [] },
} as const satisfies Readonly<Record<Command, { name: string; lacks: readonly (keyof Draft)[] }>>

/** A line for each field that was given and cannot be sent. */
function unsent(drafts: readonly Draft[]): Set<string> {
  const lines = drafts.flatMap(({ command, ...draft }) =>
    formats[command].lacks
      .filter((field) => draft[field] !== undefined)
      .map((field) => `Command ${command} (${formats[command].name}) has no ${field}: not sent.`),
  )
  return new Set(lines)
}

function fromArguments(args: SendArguments): Draft {
  return {
    number: 1,
    command: args.command,
    identifier: args.identifier,
    token: Buffer.from(args.token ?? '', 'hex'),
    payload: Buffer.from(args.payload ?? JSON.stringify({ aps: { alert: args.alert } })),
    expiration: args.expiration,
    priority: args.priority,
  }
}

const line = z.strictObject({
  token: z.string().regex(/^([0-9a-f]{2})*$/i, { error: 'must be hexadecimal' }),
  payload: z.union([z.string(), z.record(z.string(), z.unknown())]),
  command: z.literal([0, 1, 2]).optional(),
  identifier: z.number().int().min(0).max(0xffff_ffff).optional(),
  expiration: z.number().int().min(0).max(0xffff_ffff).optional(),
  priority: z.number().int().min(0).max(255).optional(),
})

async function fromFile(file: string, args: SendArguments): Promise<Draft[]> {
  return (await readInput(file))
    .toString('utf8')
    .split('\n')
    .flatMap((text, index) => (text.trim() === '' ? [] : [fromLine(text, index + 1, file, args)]))
}

function fromLine(text: string, number: number, file: string, args: SendArguments): Draft {
  const { payload, token, ...rest } = parseLine(text, `${file}, line ${number}`)
  return {
    number,
    command: rest.command ?? args.command,
    identifier: rest.identifier,
    token: Buffer.from(token, 'hex'),
    payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
    expiration: rest.expiration ?? args.expiration,
    priority: rest.priority ?? args.priority,
  }
}

function parseLine(text: string, where: string): z.output<typeof line> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error(`${where} is not JSON; write one object a line`)
  }
  const result = line.safeParse(value)
  if (result.success) return result.data
  throw new Error(`${where}: ${z.prettifyError(result.error)}`)
}

function inWords(
  answer: GatewayAnswer,
  sent: readonly Omit<Notification, 'kind'>[],
  waitMs: number,
): string {
  const what = `Sent ${sent.length} notification${sent.length === 1 ? '' : 's'}.`
  switch (answer.kind) {
    case 'silence':
      return sent.some(({ command }) => command !== 0)
        ? `${what} Silence for ${waitMs} ms: accepted.`
        : `${what} Silence for ${waitMs} ms, as always with command 0: the gateway's log has the outcome.`
    case 'closed':
      return `${what} The gateway closed the connection without a word: it may not know this certificate, or be another port than the gateway's; its log says why.`
    case 'error-response': {
      const { statusCode, identifier } = answer.response
      return `${what} Error response: status ${statusCode} (${statusCodeName(statusCode)}) for identifier ${identifier}.`
    }
  }
}
