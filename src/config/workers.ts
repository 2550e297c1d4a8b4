/** How many processes a configuration asks for, and what several of them need. */
import { availableParallelism } from 'node:os'
import type { ConfigProblem } from './config-error.ts'
import { highestPort, type ConfigurationFile } from './schema.ts'

/** 1 where there is one core: then any store will do. */
export function workerCount(workers: ConfigurationFile['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers
}

/** What of a configuration the workers depend on; undefined where it has mistakes. */
export interface WorkerEntry {
  readonly workers: ConfigurationFile['workers'] | undefined
  readonly store: Pick<ConfigurationFile, 'store'> | undefined
  readonly admin: Pick<ConfigurationFile['admin'], 'port'> | undefined
}

/** What stands against several workers, if there are to be several. */
export function workerProblems({ workers = 1, store, admin }: WorkerEntry): ConfigProblem[] {
  const count = workerCount(workers)
  if (count === 1) return []
  const problems: ConfigProblem[] = []
  if (store?.store === 'lmdb')
    problems.push({
      path: 'workers',
      message:
        `${workers === 'auto' ? `auto is ${count} on this machine, and ${count}` : count} ` +
        'processes need a store that they can share: set store to redis://host:6379, or workers to 1',
    })
  if ((admin?.port ?? 0) + count - 1 > highestPort)
    problems.push({
      path: 'admin.port',
      message:
        `each of the ${count} workers has the port after that of the one before: ` +
        `choose ${highestPort - count + 1} or less`,
    })
  return problems
}
