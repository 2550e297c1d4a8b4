/** The work of `serve` with several workers: starts them and forwards signals to them. */
import { Supervisor } from '../cluster/supervisor.ts'
import type { Configuration } from '../config/configuration.ts'
import { installCrashGuard } from '../log/crash-guard.ts'
import type { Logger } from '../log/log.ts'
import { ExitCode } from './exit-code.ts'
import { logRefused, nextConfiguration } from './reload.ts'
import { endNow, stopSignal } from './stop-signal.ts'

/** What a supervisor needs to know of its configuration. */
export interface SuperviseOptions {
  readonly path: string
  /** As read from `path` when this process started. */
  readonly configuration: Configuration
  readonly log: Logger
  /** Whether this process has inherited sockets. */
  readonly hasInherited: boolean
}

/** Runs until a signal, or until a worker cannot start; then ends the process. */
export async function supervise(options: SuperviseOptions): Promise<never> {
  const { path, configuration, log, hasInherited } = options
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
