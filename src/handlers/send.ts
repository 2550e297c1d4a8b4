/** What `send` does: acts as a legacy sender, for trying a gateway. */
import type { Command, Notification } from '../binary/notification.ts'
import { systemClock } from '../timing/clock.ts'
import { LegacySender, type GatewayAnswer } from '../sender/legacy-sender.ts'
import { ProgressBar } from './progress-bar.ts'
import type { Draft } from './push-lines.ts'
import { answerInWords, senderFrom, type SenderArguments } from './sender.ts'

/** What the command line says. */
export interface SendArguments extends SenderArguments {
  readonly command: Command
  /** Hexadecimal. */
  readonly token: string | undefined
  readonly alert: string
  /** JSON; outranks `alert`. */
  readonly payload: string | undefined
  readonly identifier: number | undefined
  /** UNIX seconds. */
  readonly expiration: number | undefined
  readonly priority: number | undefined
  /** Path of JSON lines, or `-` for standard input; outranks `token`. */
  readonly file: string | undefined
  /** Milliseconds of silence that mean success. */
  readonly wait: number
}

/** Sends and prints the answer; exit code 1 for any but silence. */
export async function send(args: SendArguments): Promise<void> {
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

/** The schema of a line is loaded where there are lines. */
async function fromFile(file: string, args: SendArguments): Promise<Draft[]> {
  const { draftsFrom } = await import('./push-lines.ts')
  return draftsFrom(file, args)
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

function inWords(
  answer: GatewayAnswer,
  sent: readonly Omit<Notification, 'kind'>[],
  waitMs: number,
): string {
  const what = `Sent ${sent.length} notification${sent.length === 1 ? '' : 's'}.`
  return `${what} ${answerInWords(answer, waitMs)}${meaningOf(answer, sent)}.`
}

function meaningOf({ kind }: GatewayAnswer, sent: readonly Omit<Notification, 'kind'>[]): string {
  if (kind === 'error-response') return ''
  if (kind === 'closed')
    return ": it may not know this certificate, or be another port than the gateway's; its log says why"
  return sent.some(({ command }) => command !== 0)
    ? ': accepted'
    : ", as always with command 0: the gateway's log has the outcome"
}
