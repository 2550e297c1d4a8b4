/** The guide of a rehearsal: commands to try, with its ports and files. */
import type { ProxyAddresses } from '../proxy/proxy-event.ts'
import { ownCommand, quoted } from './invocation.ts'

/** Options of `send` and `feedback`, and the files to name with them. */
export type SenderFiles = {
  readonly certificate: string
  readonly key?: string | undefined
  readonly 'passphrase-file'?: string | undefined
  /** Undefined if the CA of the gateway's certificate is not known. */
  readonly ca?: string | undefined
}

const good = '0123456789abcdef'.repeat(4)
const bad = 'bad0'.repeat(16)
const dead = 'dead'.repeat(16)

/**
 * The text; for stderr, because stdout carries the log.
 * @param sender undefined if no file of the configuration belongs to a sender
 * @param occupied the port of another program, if the rehearsal uses free ports instead
 */
export function rehearsalGuide(
  { listeners, admin }: ProxyAddresses,
  sender: SenderFiles | undefined,
  occupied: number | undefined,
): string {
  const portOf = (wanted: string): number | undefined =>
    listeners.find(({ kind }) => kind === wanted)?.port
  const ports = listeners.map(({ kind, host, port }) => `${kind} on ${host}:${port}`).join(', ')
  return `
Rehearsal: ${ports}.
The proxy sends to a simulated provider API: nothing goes to Apple.${movedNote(occupied)}
${sender === undefined ? withoutSender : commands(sender, portOf('gateway'), portOf('feedback'))}
Watch the rehearsal in a browser: http://127.0.0.1:${admin.port}/
To send to APNs, read docs/getting-started.md. Ctrl-C stops.

`
}

function movedNote(occupied: number | undefined): string {
  if (occupied === undefined) return ''
  return `\nPort ${occupied} is taken by another program, so all ports are free ones this time.`
}

const withoutSender = `
Let your sender push to the proxy. The simulator rejects tokens that begin with bad, answers
Unregistered for dead, and accepts all others (log line simulator.notification).
`

function commands(
  sender: SenderFiles,
  gatewayPort: number | undefined,
  feedbackPort: number | undefined,
): string {
  const send = `${ownCommand()} send ${optionsFor(sender, gatewayPort, 2195)} --token`
  const read =
    feedbackPort === undefined
      ? ''
      : `
  read the feedback service, which returns this token once
    ${ownCommand()} feedback ${optionsFor(sender, feedbackPort, 2196)}
`
  return `In another terminal:

  send a notification that is delivered (see the log line simulator.notification)
    ${send} ${good}

  send one that is rejected: the gateway answers with an error response
    ${send} ${bad}

  send one to a device that is no longer registered: the gateway stays silent
    ${send} ${dead}
${read}`
}

function optionsFor(sender: SenderFiles, port: number | undefined, usualPort: number): string {
  const files = Object.entries(sender)
  return [
    ...(port === usualPort || port === undefined ? [] : [`--port ${port}`]),
    ...files.flatMap(([option, path]) =>
      path === undefined ? [] : [`--${option} ${quoted(path)}`],
    ),
  ].join(' ')
}
