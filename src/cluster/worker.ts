/** How a worker differs from a proxy in a single process. */
import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import type { Configuration } from '../config/configuration.ts'

/** Environment variable with the number of a worker, from 0. A replacement has the same number. */
export const workerVariable = 'APNS_LEGACY_PROXY_WORKER'

/** The message by which a worker tells the supervisor that it serves. */
export const readyMessage = 'ready'

/** The message by which a worker asks the supervisor to stop all. */
export const stopMessage = 'stop'

/** Undefined in a process that is no worker. */
export function workerNumber(): number | undefined {
  return cluster.isWorker ? Number(process.env[workerVariable]) : undefined
}

/** Worker 0 runs as configured; others have their own admin port, data directory and name in alarms. */
export function configurationFor(worker: number, configuration: Configuration): Configuration {
  const { admin, alarms, dataDirectory } = configuration
  return {
    ...configuration,
    admin: { ...admin, port: admin.port === 0 ? 0 : admin.port + worker },
    dataDirectory: folderFor(worker, dataDirectory),
    alarms: alarms && {
      ...alarms,
      name: worker === 0 ? alarms.name : `${alarms.name} worker ${worker}`,
    },
  }
}

/** The folder of a worker, so that no two write the same file. */
export function folderFor(worker: number, directory: string): string {
  return worker === 0 ? directory : join(directory, `worker-${worker}`)
}

/**
 * Emits SIGTERM and SIGHUP from the supervisor, and ignores those from the system: a terminal and
 * systemd signal all processes of a group, and a second SIGTERM would end the worker at once.
 */
export function supervisorSignals(): EventEmitter {
  const signals = new EventEmitter()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
  process.on('message', (message: unknown) => {
    const signal = signalIn(message)
    if (signal !== undefined) signals.emit(signal)
  })
  return signals
}

/** The signal that the supervisor forwards; undefined for any other message. */
export function signalIn(message: unknown): 'SIGTERM' | 'SIGHUP' | undefined {
  return message === 'SIGTERM' || message === 'SIGHUP' ? message : undefined
}
