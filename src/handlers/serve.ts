/** What `serve` does: runs the proxy, several workers of it, or a rehearsal before a simulator. */
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileFindings } from '../check/check.ts'
import { systemClock } from '../timing/clock.ts'
import { configurationFor, folderFor, supervisorSignals, workerNumber } from '../cluster/worker.ts'
import { ConfigError } from '../config/config-error.ts'
import {
  examineConfiguration,
  loadConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import { installCrashGuard } from '../log/crash-guard.ts'
import type { Logger } from '../log/log.ts'
import { logEvents } from '../proxy/log-event.ts'
import type { ProxyAddresses } from '../proxy/proxy-event.ts'
import { Proxy } from '../proxy/proxy.ts'
import { Recorder } from '../recording/recorder.ts'
import {
  onFreePorts,
  prepareRehearsal,
  rehearsalConfiguration,
  rehearsed,
  startRehearsalProvider,
} from '../simulator/rehearsal.ts'
import { isAddressInUse, withKey } from './bind-error.ts'
import { recorderOptions, type CaptureArguments } from './capture.ts'
import { fail } from './command-error.ts'
import { ExitCode } from './exit-code.ts'
import { inheritedSockets } from './socket-activation.ts'
import { openLog } from './open-log.ts'
import { Reloading } from './reload.ts'
import { rehearsalGuide, type SenderFiles } from './rehearsal-guide.ts'
import { logSimulated } from './simulator-log.ts'
import { endNow, stopSignal, type SignalSource } from './stop-signal.ts'
import { supervise } from './supervise.ts'

/** What the command line says. */
export interface ServeArguments extends CaptureArguments {
  readonly config: string | undefined
  readonly rehearse?: boolean | undefined
  readonly dataDirectory: string
}

/** Runs until a signal; sets the exit code. */
export function serve({
  config,
  rehearse: isRehearsal,
  dataDirectory,
  ...capture
}: ServeArguments): Promise<void> {
  if (config === undefined) return rehearseAlone(dataDirectory, capture)
  if (isRehearsal === true) return rehearseWith(config, capture)
  const worker = workerNumber()
  return worker === undefined ? run(config, capture) : work(worker, config, capture)
}

const unheld =
  'no socket of this name was passed on, so the proxy binds host and port of its listener; ' +
  'a socket unit for it would hold them over a restart'

async function run(path: string, capture: CaptureArguments): Promise<void> {
  const examination = examineConfiguration(path)
  const { configuration, problems } = examination
  if (configuration === undefined) throw new ConfigError(path, problems)
  const log = openLog(configuration.log.level)
  for (const found of fileFindings(examination, systemClock.now()))
    if (found.severity !== 'ok') log.warn({ event: 'configuration.warning', ...found })
  const { listeners, workers } = configuration
  // A worker asks for the same variables later.
  const environment = workers > 1 ? { ...process.env } : process.env
  const inherited = inheritedSockets(listeners, environment, process.pid)
  if (inherited.size > 0)
    for (const { socket } of listeners)
      if (!inherited.has(socket)) log.warn({ event: 'socket.missing', socket }, unheld)
  if (workers > 1) await supervise({ path, configuration, log, hasInherited: inherited.size > 0 })
  else await runProxy({ path, configuration, capture, log, inherited, signals: process })
}

/** As one of several processes, whose supervisor has checked the same configuration. */
async function work(worker: number, path: string, capture: CaptureArguments): Promise<void> {
  const signals = supervisorSignals()
  try {
    const configuration = configurationFor(worker, loadConfiguration(path))
    await runProxy({
      path,
      configuration,
      capture: {
        ...capture,
        capture: capture.capture && folderFor(worker, capture.capture),
      },
      log: openLog(configuration.log.level).child({ worker }),
      inherited: inheritedSockets(configuration.listeners, process.env, process.ppid),
      signals,
      worker,
    })
  } catch (error) {
    fail(error)
  }
  // The channel to the supervisor would keep the process alive.
  process.exit()
}

/** What a proxy of a configuration file runs with. */
interface Run {
  readonly path: string
  readonly configuration: Configuration
  readonly capture: CaptureArguments
  readonly log: Logger
  readonly inherited: ReadonlyMap<string, number>
  readonly signals: SignalSource
  /** Its number, where it is one of several. */
  readonly worker?: number
}

async function runProxy({ path, worker, signals, ...run }: Run): Promise<void> {
  const { configuration, capture, log, inherited } = run
  const proxy = proxyOf(configuration, capture, log, inherited)
  const started = start(proxy, configuration)
  const reloading = new Reloading({ path, proxy, started, log, signals, worker })
  if (worker !== undefined)
    void started.then(
      () => process.send?.('ready'),
      () => undefined,
    )
  await serveUntilSignal(started, log, signals)
  reloading.stop()
}

interface Started {
  readonly proxy: Proxy
  readonly addresses: ProxyAddresses
}

async function start(proxy: Proxy, configuration: Configuration): Promise<Started> {
  try {
    return { proxy, addresses: await proxy.start() }
  } catch (error) {
    throw withKey(error, configuration)
  }
}

function proxyOf(
  configuration: Configuration,
  capture: CaptureArguments,
  log: Logger,
  inherited?: ReadonlyMap<string, number>,
): Proxy {
  const recording = recorderOptions(capture, configuration)
  return new Proxy(configuration, {
    log,
    clock: systemClock,
    random: Math.random,
    // A folder that cannot be used is a matter for the log.
    recorder: recording && new Recorder(recording, systemClock, logEvents(log)),
    inherited,
  })
}

/** A signal before the proxy is ready ends the process at once; what it owns is in the journal. */
async function serveUntilSignal(
  started: Promise<Started>,
  log: Logger,
  signals: SignalSource = process,
): Promise<void> {
  installCrashGuard(log)
  const stopped = stopSignal(() => endNow(log), signals)
  const first = await Promise.race([started, stopped])
  if (first === undefined) process.exit(ExitCode.unsettled)
  const { proxy } = first
  await stopped
  process.exitCode = (await proxy.stop()) ? ExitCode.ok : ExitCode.unsettled
}

async function rehearseAlone(dataDirectory: string, capture: CaptureArguments): Promise<void> {
  const files = await prepareRehearsal(dataDirectory, systemClock)
  await rehearse(rehearsalConfiguration(dataDirectory, files), capture, {
    certificate: relative('', files.sender),
    key: undefined,
    passphraseFile: undefined,
    certificateAuthority: relative('', files.authority),
  })
}

async function rehearseWith(config: string, capture: CaptureArguments): Promise<void> {
  await rehearse(loadConfiguration(config), capture, senderFilesOf(config))
}

/** The first route that sends with a certificate has a sender with the same. */
function senderFilesOf(config: string): SenderFiles | undefined {
  const { parts } = examineConfiguration(config)
  const route = parts?.routes.find(
    (entry) => entry?.certificate !== undefined && entry.senderCertificates === undefined,
  )
  if (route?.certificate === undefined) return undefined
  const here = (path: string | undefined): string | undefined => path && relative('', path)
  // Where init puts it.
  const authority = join(dirname(parts?.tls?.certificate ?? ''), 'ca.pem')
  return {
    certificate: relative('', route.certificate),
    key: here(route.key),
    passphraseFile: here(route.passphraseFile),
    certificateAuthority: existsSync(authority) ? here(authority) : undefined,
  }
}

async function rehearse(
  configuration: Configuration,
  capture: CaptureArguments,
  sender: SenderFiles | undefined,
): Promise<void> {
  const log = openLog(configuration.log.level)
  const onNotification = logSimulated.bind(undefined, log)
  const { providerApi, stop } = await startRehearsalProvider(
    configuration,
    onNotification,
    systemClock,
  )
  try {
    const played = rehearsed(configuration, providerApi)
    const started = startSomewhere(played, capture, log).then(({ occupied, ...running }) => {
      process.stderr.write(rehearsalGuide(running.addresses, sender, occupied))
      return running
    })
    await serveUntilSignal(started, log)
  } finally {
    await stop()
  }
}

/** On the ports that senders know, or on free ones where something else is there. */
async function startSomewhere(
  configuration: Configuration,
  capture: CaptureArguments,
  log: Logger,
): Promise<Started & { readonly occupied: string | undefined }> {
  const startOn = async (where: Configuration): Promise<Started> =>
    start(proxyOf(where, capture, log), where)
  try {
    return { ...(await startOn(configuration)), occupied: undefined }
  } catch (error) {
    if (!isAddressInUse(error)) throw error
    const occupied = `Port ${error.port}`
    return { ...(await startOn(onFreePorts(configuration))), occupied }
  }
}
