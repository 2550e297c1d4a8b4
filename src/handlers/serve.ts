/** The work of `serve`: runs one proxy, several workers, or a rehearsal with a simulator. */
import { fileFindings } from '../check/check.ts'
import { systemClock } from '../timing/clock.ts'
import { Supervisor } from '../cluster/supervisor.ts'
import {
  configurationFor,
  folderFor,
  readyMessage,
  stopMessage,
  supervisorSignals,
  workerNumber,
} from '../cluster/worker.ts'
import type { ServeArguments } from '../commands/serve.ts'
import {
  examineConfiguration,
  loadConfiguration,
  soundConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import { installCrashGuard } from '../log/crash-guard.ts'
import type { Logger } from '../log/log.ts'
import type { ProcessControl } from '../proxy/operator-action.ts'
import type { Proxy } from '../proxy/proxy.ts'
import { fail } from './command-error.ts'
import { ExitCode } from './exit-code.ts'
import { inheritedSockets } from './socket-activation.ts'
import { openLog } from './terminal-log.ts'
import { proxyOf, serveUntilSignal, start } from './proxy-process.ts'
import { rehearse } from './rehearse.ts'
import { logRefused, nextConfiguration, Reloading } from './reload.ts'
import { endNow, stopOrder, stopSignal, type SignalSource } from './stop-signal.ts'

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
  const configuration = soundConfiguration(path, examination)
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
  if (workers > 1) await supervise(path, configuration, log, inherited.size > 0)
  else {
    const proxyWith = (control: ProcessControl): Proxy =>
      proxyOf(configuration, args, log, inherited, control)
    await runProxy(path, proxyWith, log, process)
  }
}

/** Runs workers until a signal, or until a worker cannot start; then ends the process. */
async function supervise(
  path: string,
  configuration: Configuration,
  log: Logger,
  hasInherited: boolean,
): Promise<never> {
  installCrashGuard(log)
  const mayReplace = (): boolean => {
    try {
      nextConfiguration(path, configuration)
      return true
    } catch (error) {
      logRefused(log, error, 'correct the configuration; until then no worker is replaced')
      return false
    }
  }
  const supervisor = new Supervisor(configuration.workers, { log, hasInherited, mayReplace })
  process.on('SIGHUP', supervisor.reload.bind(supervisor))
  const stopped = stopSignal(() => {
    supervisor.destroy()
    endNow(log)
  })
  void stopped.then(supervisor.stop.bind(supervisor))
  const { drained, failure } = await supervisor.run()
  process.exit(failure ?? (drained ? ExitCode.ok : ExitCode.unsettled))
}

/** Runs one of several workers, whose supervisor has checked the same configuration. */
async function work(worker: number, path: string, args: ServeArguments): Promise<void> {
  const signals = supervisorSignals()
  try {
    const configuration = configurationFor(worker, loadConfiguration(path))
    const log = openLog(configuration.log.level).child({ worker })
    const inherited = inheritedSockets(configuration.listeners, process.env, process.ppid)
    const capture = args.capture && folderFor(worker, args.capture)
    const proxyWith = (control: ProcessControl): Proxy =>
      proxyOf(configuration, { ...args, capture }, log, inherited, control)
    await runProxy(path, proxyWith, log, signals, worker)
  } catch (error) {
    fail(error)
  }
  // The channel to the supervisor would keep the process alive.
  process.exit()
}

/** @param worker number of this worker; undefined for a single process */
async function runProxy(
  path: string,
  proxyWith: (control: ProcessControl) => Proxy,
  log: Logger,
  signals: SignalSource,
  worker?: number,
): Promise<void> {
  const proxy = proxyWith({
    reload: () => reloading.reload(),
    stop() {
      if (worker === undefined) signals.emit(stopOrder)
      else process.send?.(stopMessage)
    },
  })
  const started = start(proxy)
  const reloading = new Reloading({ path, proxy, started, log, signals, worker })
  if (worker !== undefined)
    void started.then(
      () => process.send?.(readyMessage),
      () => undefined,
    )
  await serveUntilSignal(started, log, signals)
}
