/** One worker as its primary sees it: a process that is told and asked over its channel. */
import cluster, { type Worker } from 'node:cluster'
import { fileURLToPath } from 'node:url'
import type { StoreAnswer, StoreRequest } from '../store/store-message.ts'
import type { Failure, Order, Report, Tasks } from './task.ts'

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: string | null
}

interface Asked {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** See the file's first line. */
export class WorkerProcess {
  /** Once it has ended, and all that it said before has been heard. */
  readonly ended: Promise<Ending>
  readonly #worker: Worker
  readonly #asked = new Map<number, Asked>()
  #lastId = 0
  #here: () => void = () => undefined
  readonly #isHere = new Promise<void>((resolve) => {
    this.#here = resolve
  })

  /** @param hear what it wants of the store */
  constructor(hear: (requests: readonly StoreRequest[]) => void) {
    cluster.setupPrimary({
      exec: fileURLToPath(new URL('../worker.js', import.meta.url)),
      args: [],
      serialization: 'advanced',
    })
    this.#worker = cluster.fork()
    this.#worker.on('message', (report: Report) => {
      if (report.kind === 'here') this.#here()
      else if (report.kind === 'store') hear(report.requests)
      else this.#answered(report)
    })
    this.ended = this.#end()
  }

  get pid(): number | undefined {
    return this.#worker.process.pid
  }

  /** @throws what went wrong in it, or that it has ended */
  ask<Name extends keyof Tasks>(
    name: Name,
    given: Tasks[Name]['given'],
  ): Promise<Tasks[Name]['answer']> {
    const id = ++this.#lastId
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
    })
    void this.#send({ kind: 'task', id, name, given })
    return answer as Promise<Tasks[Name]['answer']>
  }

  /** Resolves when it has left this process, or the worker has ended. */
  tell(answers: readonly StoreAnswer[]): Promise<void> {
    return this.#send({ kind: 'store', answers })
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  async #send(order: Order): Promise<void> {
    await this.#isHere
    await new Promise<void>((resolve) => {
      if (!this.#worker.isConnected()) resolve()
      else
        this.#worker.send(order, () => {
          resolve()
        })
    })
  }

  #answered(report: Extract<Report, { id: number }>): void {
    const asked = this.#asked.get(report.id)
    this.#asked.delete(report.id)
    if (report.kind === 'done') asked?.resolve(report.answer)
    else asked?.reject(errorOf(report.error))
  }

  /** A process may be gone while something that it has said is still on its way. */
  async #end(): Promise<Ending> {
    const [ending] = await Promise.all([
      new Promise<Ending>((resolve) => {
        this.#worker.on('exit', (code: number | null, signal: string | null) => {
          resolve({ code, signal })
        })
        this.#worker.on('error', () => {
          if (this.pid === undefined) resolve({ code: null, signal: null })
        })
      }),
      new Promise((resolve) => this.#worker.on('disconnect', resolve)),
    ])
    this.#here()
    for (const { reject } of this.#asked.values()) reject(new Error('the worker has ended'))
    this.#asked.clear()
    return ending
  }
}

function errorOf({ message, ...about }: Failure): Error {
  return Object.assign(new Error(message), about)
}
