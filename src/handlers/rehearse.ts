/** A rehearsal: runs a proxy with a simulator in place of APNs, and prints commands to try. */
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { moodOf } from '../commands/mood-option.ts'
import { systemClock } from '../timing/clock.ts'
import type { ServeArguments } from '../commands/serve.ts'
import {
  examineConfiguration,
  loadConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import type { ProxyAddresses } from '../proxy/lifecycle-event.ts'
import { reasonIn, type Mood } from '../simulator/mood.ts'
import {
  failingRoutes,
  onFreePorts,
  prepareRehearsal,
  rehearsalConfiguration,
  rehearsed,
  startRehearsalProvider,
  type FailingRoute,
} from '../simulator/rehearsal.ts'
import { ownCommand, quoted } from './own-command.ts'
import { openLog } from './terminal-log.ts'
import { isAddressInUse, proxyOf, serveUntilSignal, start, type Started } from './proxy-process.ts'
import { logSimulated } from './simulate.ts'

/** Runs until a signal; sets the exit code. */
export async function rehearse(args: ServeArguments): Promise<void> {
  const [configuration, sender, failing] = await stage(args)
  const mood = moodOf(args)
  // Other fields and texts name APNs.
  const log = openLog(configuration.log.level).child({ apns: 'simulator' })
  const onNotification = logSimulated.bind(undefined, log)
  const provider = await startRehearsalProvider(configuration, onNotification, systemClock, mood)
  const startWith = (played: Configuration): Promise<Started> => start(proxyOf(played, args, log))
  try {
    const played = rehearsed(configuration, provider.providerApi)
    const started = startAnywhere(played, startWith, { sender, failing, mood })
    await serveUntilSignal(started, log)
  } finally {
    await provider.stop()
  }
}

/** Starts on the configured ports, or on free ones if another program uses one of them. */
async function startAnywhere(
  configuration: Configuration,
  startWith: (configuration: Configuration) => Promise<Started>,
  scene: Scene,
): Promise<Started> {
  let occupied: number | undefined
  const started = await startWith(configuration).catch((error: unknown) => {
    if (!isAddressInUse(error)) throw error
    occupied = error.port
    return startWith(onFreePorts(configuration))
  })
  process.stderr.write(rehearsalGuide(started.addresses, scene, occupied))
  return started
}

/** What the operator should know before the first push. */
interface Scene {
  /** Undefined if no file of the configuration belongs to a sender. */
  readonly sender: SenderFiles | undefined
  readonly failing: readonly FailingRoute[]
  readonly mood: Mood | undefined
}

/**
 * The configuration of a rehearsal, the files of a sender that it accepts, if known, and the routes
 * that will fail.
 */
async function stage({
  config,
  dataDirectory,
}: ServeArguments): Promise<readonly [Configuration, SenderFiles | undefined, FailingRoute[]]> {
  if (config !== undefined) {
    const configuration = loadConfiguration(config)
    const failing = failingRoutes(configuration.routes, systemClock.now())
    return [configuration, senderFilesOf(config, failing), failing]
  }
  const files = await prepareRehearsal(dataDirectory, systemClock)
  const sender = { certificate: fromHere(files.sender), ca: fromHere(files.authority) }
  return [rehearsalConfiguration(dataDirectory, files), sender, []]
}

/**
 * A route that sends with a certificate accepts a sender with the same certificate. Takes a route that
 * delivers, if there is one.
 */
function senderFilesOf(config: string, failing: readonly FailingRoute[]): SenderFiles | undefined {
  const { parts } = examineConfiguration(config)
  const routes = (parts?.routes ?? []).filter(
    (entry) => entry?.certificate !== undefined && entry.senderCertificates === undefined,
  )
  const fails = (name: string | undefined): boolean => failing.some((each) => each.name === name)
  const route = routes.find((entry) => !fails(entry?.name)) ?? routes[0]
  if (route?.certificate === undefined) return undefined
  // `init` writes the CA here.
  const authority = join(dirname(parts?.tls?.certificate ?? ''), 'ca.pem')
  return {
    certificate: fromHere(route.certificate),
    key: route.key && fromHere(route.key),
    'passphrase-file': route.passphraseFile && fromHere(route.passphraseFile),
    ca: existsSync(authority) ? fromHere(authority) : undefined,
    fails: fails(route.name),
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
  /** Whether the simulator refuses the credential of its route. */
  readonly fails?: boolean
}

const good = '0123456789abcdef'.repeat(4)
const bad = 'bad0'.repeat(16)
const dead = 'dead'.repeat(16)

/**
 * The text; for stderr, because stdout carries the log.
 * @param occupied the port of another program, if the rehearsal uses free ports instead
 */
function rehearsalGuide(
  { listeners, admin }: ProxyAddresses,
  { sender, failing, mood }: Scene,
  occupied: number | undefined,
): string {
  const portOf = (wanted: string): number | undefined =>
    listeners.find(({ kind }) => kind === wanted)?.port
  const ports = listeners.map(({ kind, host, port }) => `${kind} on ${host}:${port}`).join(', ')
  return `${movedNote(occupied, ports)}
Rehearsal: ${ports}.
The proxy sends to a simulated provider API: nothing goes to Apple. Where the log says APNs, it means
the simulator.${moodNote(mood)}${failing.map(failureNote).join('')}
${sender === undefined ? withoutSender(mood) : commands(sender, portOf('gateway'), portOf('feedback'), mood)}
Watch the rehearsal in a browser: http://127.0.0.1:${admin.port}/
To send to APNs, read docs/getting-started.md. Ctrl-C stops.

`
}

function movedNote(occupied: number | undefined, ports: string): string {
  if (occupied === undefined) return ''
  return `
WARNING: port ${occupied} is taken by another program, and has not become a port of this rehearsal.
It listens on other ports: ${ports}.
`
}

function moodNote(mood: Mood | undefined): string {
  if (mood === undefined) return ''
  return `

Mood ${mood}: the simulator answers every push with ${reasonIn(mood)}, so none is delivered. A start
without the mood delivers what waits.`
}

function failureNote({ name, reason, cause }: FailingRoute): string {
  return `

WARNING: route ${name} delivers nothing in this rehearsal. The simulator will answer ${reason}.
${cause}`
}

function withoutSender(mood: Mood | undefined): string {
  const answers =
    mood === undefined
      ? ' The simulator rejects tokens that begin with bad, answers\nUnregistered for dead, and accepts all others (log line simulator.notification).'
      : ''
  return `\nLet your sender push to the proxy.${answers}\n`
}

function commands(
  sender: SenderFiles,
  gatewayPort: number | undefined,
  feedbackPort: number | undefined,
  mood: Mood | undefined,
): string {
  const send = `${ownCommand()} send ${optionsFor(sender, gatewayPort, 2195)} --token`
  if (sender.fails === true || mood !== undefined)
    return `In another terminal:

  send a notification, which the simulator does not accept (see the log line simulator.notification)
    ${send} ${good}
`
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
      typeof path === 'string' ? [`--${option} ${quoted(path)}`] : [],
    ),
  ].join(' ')
}
