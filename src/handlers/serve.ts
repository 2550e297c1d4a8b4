/** The work of `serve`: runs one proxy, several workers, or a rehearsal with a simulator. */
import { fileFindings } from '../check/check.ts'
import { systemClock } from '../timing/clock.ts'
import {
  configurationFor,
  folderFor,
  readyMessage,
  supervisorSignals,
  workerNumber,
} from '../cluster/worker.ts'
import type { ServeArguments } from '../commands/serve.ts'
import { ConfigError } from '../config/config-error.ts'
import {
  examineConfiguration,
  loadConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import type { Logger } from '../log/log.ts'
import { fail } from './command-error.ts'
import { inheritedSockets } from './socket-activation.ts'
import { openLog } from './open-log.ts'
import { proxyOf, serveUntilSignal, start } from './proxy-process.ts'
import { rehearse } from './rehearse.ts'
import { Reloading } from './reload.ts'
import type { SignalSource } from './stop-signal.ts'
import { supervise } from './supervise.ts'

/** Runs until a signal; sets the exit code. */
export function serve(args: ServeArguments): Promise<void> {
  const { config, rehearse: isRehearsal } = args
  if (config === undefined || isRehearsal === true) return rehearse(args)
  const worker = workerNumber()
  return worker === undefined ? run(config, args) : work(worker, config, args)
}

const socketMissing =
  'systemd passed no socket of this name, so the proxy binds host and port of the listener; ' +
  'add a socket unit to keep the port open during a restart'

async function run(path: string, args: ServeArguments): Promise<void> {
  const examination = examineConfiguration(path)
  const { configuration, problems } = examination
  if (configuration === undefined) throw new ConfigError(path, problems)
  const log = openLog(configuration.log.level)
  for (const found of fileFindings(examination, systemClock.now()))
    if (found.severity !== 'ok') log.warn({ event: 'configuration.warning', ...found })
  const { listeners, workers } = configuration
  // The workers need the same variables later.
  const environment = workers > 1 ? { ...process.env } : process.env
  const inherited = inheritedSockets(listeners, environment, process.pid)
  if (inherited.size > 0)
    for (const { socket } of listeners)
      if (!inherited.has(socket)) log.warn({ event: 'socket.missing', socket }, socketMissing)
  if (workers > 1) await supervise({ path, configuration, log, hasInherited: inherited.size > 0 })
  else await runProxy(path, args, { configuration, log, inherited, signals: process })
}

/** Runs one of several workers, whose supervisor has checked the same configuration. */
async function work(worker: number, path: string, args: ServeArguments): Promise<void> {
  const signals = supervisorSignals()
  try {
    const configuration = configurationFor(worker, loadConfiguration(path))
    const log = openLog(configuration.log.level).child({ worker })
    const inherited = inheritedSockets(configuration.listeners, process.env, process.ppid)
    const capture = args.capture && folderFor(worker, args.capture)
    await runProxy(path, { ...args, capture }, { configuration, log, inherited, signals, worker })
  } catch (error) {
    fail(error)
  }
  // The channel to the supervisor would keep the process alive.
  process.exit()
}

interface Run {
  readonly configuration: Configuration
  readonly log: Logger
  readonly inherited: ReadonlyMap<string, number>
  readonly signals: SignalSource
  /** Number of this worker; undefined for a single process. */
  readonly worker?: number
}

async function runProxy(
  path: string,
  args: ServeArguments,
  { configuration, log, inherited, signals, worker }: Run,
): Promise<void> {
  const proxy = proxyOf(configuration, args, log, inherited)
  const started = start(proxy)
  const reloading = new Reloading({ path, proxy, started, log, signals, worker })
  if (worker !== undefined)
    void started.then(
      () => process.send?.(readyMessage),
      () => undefined,
    )
  await serveUntilSignal(started, log, signals)
  reloading.stop()
}
