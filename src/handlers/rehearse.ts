/** A rehearsal: runs a proxy with a simulator in place of APNs, and prints commands to try. */
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { systemClock } from '../timing/clock.ts'
import type { ServeArguments } from '../commands/serve.ts'
import {
  examineConfiguration,
  loadConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import type { ProxyAddresses } from '../proxy/lifecycle-event.ts'
import {
  onFreePorts,
  prepareRehearsal,
  rehearsalConfiguration,
  rehearsed,
  startRehearsalProvider,
} from '../simulator/rehearsal.ts'
import { ownCommand, quoted } from './invocation.ts'
import { openLog } from './terminal-log.ts'
import { isAddressInUse, proxyOf, serveUntilSignal, start, type Started } from './proxy-process.ts'
import { logSimulated } from './simulate.ts'

/** Runs until a signal; sets the exit code. */
export async function rehearse(args: ServeArguments): Promise<void> {
  const [configuration, sender] = await stage(args)
  const log = openLog(configuration.log.level)
  const onNotification = logSimulated.bind(undefined, log)
  const provider = await startRehearsalProvider(configuration, onNotification, systemClock)
  const startWith = (played: Configuration): Promise<Started> => start(proxyOf(played, args, log))
  try {
    const started = startAnywhere(rehearsed(configuration, provider.providerApi), startWith, sender)
    await serveUntilSignal(started, log)
  } finally {
    await provider.stop()
  }
}

/** Starts on the configured ports, or on free ones if another program uses one of them. */
async function startAnywhere(
  configuration: Configuration,
  startWith: (configuration: Configuration) => Promise<Started>,
  sender: SenderFiles | undefined,
): Promise<Started> {
  let occupied: number | undefined
  const started = await startWith(configuration).catch((error: unknown) => {
    if (!isAddressInUse(error)) throw error
    occupied = error.port
    return startWith(onFreePorts(configuration))
  })
  process.stderr.write(rehearsalGuide(started.addresses, sender, occupied))
  return started
}

/** The configuration of a rehearsal, and the files of a sender that it accepts, if known. */
async function stage({
  config,
  dataDirectory,
}: ServeArguments): Promise<readonly [Configuration, SenderFiles | undefined]> {
  if (config !== undefined) return [loadConfiguration(config), senderFilesOf(config)]
  const files = await prepareRehearsal(dataDirectory, systemClock)
  const sender = { certificate: fromHere(files.sender), ca: fromHere(files.authority) }
  return [rehearsalConfiguration(dataDirectory, files), sender]
}

/** A route that sends with a certificate accepts a sender with the same certificate. */
function senderFilesOf(config: string): SenderFiles | undefined {
  const { parts } = examineConfiguration(config)
  const route = parts?.routes.find(
    (entry) => entry?.certificate !== undefined && entry.senderCertificates === undefined,
  )
  if (route?.certificate === undefined) return undefined
  // `init` writes the CA here.
  const authority = join(dirname(parts?.tls?.certificate ?? ''), 'ca.pem')
  return {
    certificate: fromHere(route.certificate),
    key: route.key && fromHere(route.key),
    'passphrase-file': route.passphraseFile && fromHere(route.passphraseFile),
    ca: existsSync(authority) ? fromHere(authority) : undefined,
  }
}

function fromHere(path: string): string {
  return relative('', path)
}

/** Options of `send` and `feedback`, and the files to name with them. */
type SenderFiles = {
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
function rehearsalGuide(
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
