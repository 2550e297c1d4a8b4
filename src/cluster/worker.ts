/** What a worker of a supervisor does differently from a proxy that is one process. */
import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import type { Configuration } from '../config/configuration.ts'

/** Environment variable with the number of a worker, from 0 on; a replacement keeps the number. */
export const workerVariable = 'APNS_LEGACY_PROXY_WORKER'

/** Undefined where this process is no worker. */
export function workerNumber(): number | undefined {
  return cluster.isWorker ? Number(process.env[workerVariable]) : undefined
}

/** Worker 0 runs as configured; each other one has an admin port and a data directory of its own. */
export function configurationFor(worker: number, configuration: Configuration): Configuration {
  const { admin, dataDirectory } = configuration
  return {
    ...configuration,
    admin: { ...admin, port: admin.port === 0 ? 0 : admin.port + worker },
    dataDirectory: folderFor(worker, dataDirectory),
  }
}

/** Where a worker keeps its files, so that no two write the same file. */
export function folderFor(worker: number, directory: string): string {
  return worker === 0 ? directory : join(directory, `worker-${worker}`)
}

/**
 * SIGTERM and SIGHUP as the supervisor sends them. Those of the system are ignored: a terminal and
 * systemd signal all processes of a group, and a second SIGTERM would stop the worker at once.
 */
export function supervisorSignals(): EventEmitter {
  const signals = new EventEmitter()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
  process.on('message', (signal: string) => signals.emit(signal))
  return signals
}
