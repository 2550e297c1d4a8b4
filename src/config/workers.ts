/** The number of worker processes, and the settings that several workers need. */
import { availableParallelism } from 'node:os'
import type { ConfigProblem } from './config-error.ts'
import { highestPort, type ConfigurationFile, type Parts } from './schema.ts'

/** `auto` is one for each core. */
export function workerCount(workers: ConfigurationFile['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers
}

/** A value with mistakes is undefined. */
type WorkerParts = Partial<Pick<Parts, 'workers' | 'store' | 'admin'>>

export function workerProblems({ workers = 1, store, admin }: WorkerParts): ConfigProblem[] {
  const count = workerCount(workers)
  if (count === 1) return []
  const problems: ConfigProblem[] = []
  if (store === 'lmdb')
    problems.push({
      path: 'workers',
      message:
        `${workers === 'auto' ? `auto is ${count} on this machine, and ${count}` : count} ` +
        'processes need a store that they share: set store to redis://host:6379, or workers to 1',
    })
  if ((admin?.port ?? 0) + count - 1 > highestPort)
    problems.push({
      path: 'admin.port',
      message:
        `the ${count} workers listen on consecutive ports: ` +
        `choose ${highestPort - count + 1} or less`,
    })
  return problems
}
