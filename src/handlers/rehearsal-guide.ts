/** What to do in a rehearsal: the commands to try, spelled out for its ports and files. */
import type { ProxyAddresses } from '../proxy/proxy-event.ts'
import { ownCommand, quoted } from './invocation.ts'

/** Who may play the sender. */
export interface SenderFiles {
  readonly certificate: string
  readonly key: string | undefined
  readonly passphraseFile: string | undefined
  /** Undefined where it is not known which CA signed the gateway's certificate. */
  readonly certificateAuthority: string | undefined
}

const good = '0123456789abcdef'.repeat(4)
const bad = 'bad0'.repeat(16)
const dead = 'dead'.repeat(16)

/**
 * The text; on stderr, since stdout carries the log.
 * @param occupied the address that another program has, where the rehearsal moved to free ports
 */
export function rehearsalGuide(
  { listeners, admin }: ProxyAddresses,
  sender: SenderFiles | undefined,
  occupied: string | undefined,
): string {
  const gateway = listeners.find(({ kind }) => kind === 'gateway')
  const feedback = listeners.find(({ kind }) => kind === 'feedback')
  const ports = listeners.map(({ kind, host, port }) => `${kind} on ${host}:${port}`).join(', ')
  return `
Rehearsal: ${ports}.
Behind it a simulated provider API: nothing goes to Apple.${movedNote(occupied)}
${sender === undefined ? withoutSender : commands(sender, gateway?.port, feedback?.port)}
Watch it in a browser: http://127.0.0.1:${admin.port}/
Then for real: docs/getting-started.md. Ctrl-C stops.

`
}

function movedNote(occupied: string | undefined): string {
  if (occupied === undefined) return ''
  return `\n${occupied} is taken by another program, so all ports are free ones this time.`
}

const withoutSender = `
Let your sender push to it. Tokens that begin with bad are refused, those that begin
with dead are gone, every other is delivered (log line simulator.notification).
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
  the feedback service: tells that token, once
    ${ownCommand()} feedback ${optionsFor(sender, feedbackPort, 2196)}
`
  return `In another terminal:

  a notification that is delivered (the log line simulator.notification shows its arrival)
    ${send} ${good}

  one that is rejected: the gateway answers with an error response
    ${send} ${bad}

  one to a device that is gone: silence here, as ever
    ${send} ${dead}
${read}`
}

function optionsFor(sender: SenderFiles, port: number | undefined, usualPort: number): string {
  const { certificate, key, passphraseFile, certificateAuthority } = sender
  return [
    ...(port === usualPort || port === undefined ? [] : [`--port ${port}`]),
    `--certificate ${quoted(certificate)}`,
    ...(key === undefined ? [] : [`--key ${quoted(key)}`]),
    ...(passphraseFile === undefined ? [] : [`--passphrase-file ${quoted(passphraseFile)}`]),
    ...(certificateAuthority === undefined ? [] : [`--ca ${quoted(certificateAuthority)}`]),
  ].join(' ')
}
