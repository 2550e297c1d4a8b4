/** The work of `send`: acts as a legacy sender, to try a gateway. */
import type { Command } from '../binary/notification.ts'
import { systemClock } from '../timing/clock.ts'
import type { SendArguments } from '../commands/send.ts'
import { LegacySender, type GatewayAnswer } from '../sender/legacy-sender.ts'
import { ExitCode } from './exit-code.ts'
import { ProgressBar } from './progress-bar.ts'
import type { Draft } from './push-lines.ts'
import { answerInWords, senderFrom } from './sender.ts'

/** Sends and prints the answer; exit code 1 for any answer but silence. */
export async function send(args: SendArguments): Promise<void> {
  const drafts = args.file === undefined ? [fromArguments(args)] : await fromFile(args.file, args)
  for (const line of unsent(drafts)) console.error(line)
  const notifications = drafts.map(({ number, identifier = number, ...draft }) => ({
    ...draft,
    identifier,
  }))
  const sender = await LegacySender.connect(senderFrom(args), systemClock)
  const bar = new ProgressBar(notifications.length, 'notifications')
  await sender.send(notifications, bar.add.bind(bar))
  const answer = await sender.listen(args.wait, systemClock)
  sender.close()
  bar.clear()
  console.log(inWords(answer, drafts, args.wait))
  if (answer.kind !== 'silence') process.exitCode = ExitCode.failed
}

/** Which fields a format has. — source: Apple, "Binary Provider API" and its legacy formats */
const formats = {
  0: { name: 'simple', lacks: ['identifier', 'expiration', 'priority'] },
  1: { name: 'enhanced', lacks: ['priority'] },
  2: { name: 'framed', lacks: [] },
} as const satisfies Readonly<Record<Command, { name: string; lacks: readonly (keyof Draft)[] }>>

/** A line for each field that the format of its notification cannot carry. */
function unsent(drafts: readonly Draft[]): Set<string> {
  const lines = drafts.flatMap(({ command, ...draft }) =>
    formats[command].lacks
      .filter((field) => draft[field] !== undefined)
      .map((field) => `Command ${command} (${formats[command].name}) has no ${field}: not sent.`),
  )
  return new Set(lines)
}

/** Loads the schema of the lines, which `send` without a file does not need. */
async function fromFile(file: string, args: SendArguments): Promise<Draft[]> {
  const { draftsFrom } = await import('./push-lines.ts')
  return draftsFrom(file, args)
}

function fromArguments({ token, alert, payload, ...args }: SendArguments): Draft {
  return {
    number: 1,
    command: args.command,
    identifier: args.identifier,
    token: Buffer.from(token ?? '', 'hex'),
    payload: Buffer.from(payload ?? JSON.stringify({ aps: { alert } })),
    expiration: args.expiration,
    priority: args.priority,
  }
}

function inWords(answer: GatewayAnswer, sent: readonly Draft[], waitMs: number): string {
  const what = `Sent ${sent.length} notification${sent.length === 1 ? '' : 's'}.`
  return `${what} ${answerInWords(answer, waitMs)}${meaningOf(answer, sent)}.`
}

function meaningOf({ kind }: GatewayAnswer, sent: readonly Draft[]): string {
  if (kind === 'error-response') return ''
  if (kind === 'closed')
    return ": it may not know this certificate, or --port is not a gateway's; its log has the reason"
  return sent.some(({ command }) => command !== 0)
    ? ': accepted'
    : ': command 0 has no error responses, so read the outcome in the log of the gateway'
}
