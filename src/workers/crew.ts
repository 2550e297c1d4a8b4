/** All workers of a primary: as many as there should be, whatever becomes of each. */
import type { Clock } from '../clock.ts'
import type { StoreHost } from '../store/store-host.ts'
import { backoffMs } from '../timing/backoff.ts'
import { within } from '../timing/deadline.ts'
import type { ListenerAddress, Tasks, WorkerStart } from './task.ts'
import { WorkerProcess, type Ending } from './worker-process.ts'

/** Hears of workers. */
export interface CrewObserver {
  started(worker: number, pid: number | undefined): void
  /** It was not asked to; another takes its place after a pause. */
  ended(worker: number, ending: Ending, retryInMs: number): void
}

/** What a crew is given. */
export interface CrewDeps {
  readonly host: StoreHost
  readonly clock: Clock
  readonly observer: CrewObserver
  /** What every worker starts with, by now. */
  readonly start: () => Omit<WorkerStart, 'number'>
}

/** What one of them said. */
export interface Answer<Name extends keyof Tasks> {
  readonly process: WorkerProcess
  readonly answer: Tasks[Name]['answer']
}

interface Member {
  readonly process: WorkerProcess
  readonly ready: Promise<readonly ListenerAddress[]>
  isReady: boolean
}

const patienceMs = 2000
const pauses = { firstMs: 100, longestMs: 10_000 }
/** One that has lived so long may have ended for another reason than the last time. */
const steadyMs = 60_000

/** See the file's first line. */
export class Crew {
  readonly #size: number
  readonly #deps: CrewDeps
  readonly #members = new Map<number, Member>()
  /** How often each has ended early, one time after the other. */
  readonly #failures = new Map<number, number>()
  #isStopping = false

  constructor(size: number, deps: CrewDeps) {
    this.#size = size
    this.#deps = deps
  }

  /** Whether all are there and at work. */
  get isComplete(): boolean {
    return this.#ready.length === this.#size
  }

  /**
   * Starts all. @returns where they listen
   * @throws what the first said that could not start; none is left then
   */
  async start(): Promise<readonly ListenerAddress[]> {
    const numbers = Array.from({ length: this.#size }, (_, index) => index + 1)
    try {
      const [addresses = []] = await Promise.all(numbers.map((number) => this.#fork(number).ready))
      return addresses
    } catch (error) {
      await this.destroy()
      throw error
    }
  }

  /** Those that are there, at work or about to be. */
  get processes(): readonly WorkerProcess[] {
    return Array.from(this.#members.values(), ({ process }) => process)
  }

  /** Asks all that are at work; an answer that does not come in time is left out. */
  async askAll<Name extends keyof Tasks>(
    name: Name,
    given: Tasks[Name]['given'],
  ): Promise<Answer<Name>[]> {
    const { clock } = this.#deps
    const answers = await Promise.all(
      this.#ready.map(async ({ process }) => {
        try {
          const answer = await within(clock, patienceMs, process.ask(name, given), noAnswer)
          return [{ process, answer }]
        } catch {
          return []
        }
      }),
    )
    return answers.flat()
  }

  /** All take up another configuration; one that cannot is replaced by one that starts with it. */
  async reload(configuration: Tasks['reload']['given']): Promise<void> {
    await Promise.all(
      [...this.#members.values()].map(async ({ process, ready }) => {
        try {
          await ready
          await process.ask('reload', configuration)
        } catch {
          process.kill()
        }
      }),
    )
  }

  /** All drain and end. @returns what those left that could, and whether all was settled */
  async stop(): Promise<{ left: Answer<'stop'>[]; drained: boolean }> {
    this.#isStopping = true
    const members = [...this.#members.values()]
    const answers = await Promise.all(
      members.map(async ({ process, ready }): Promise<Answer<'stop'>[]> => {
        try {
          await ready
          return [{ process, answer: await process.ask('stop', undefined) }]
        } catch {
          return []
        } finally {
          await process.ended
        }
      }),
    )
    const left = answers.flat()
    const all = left.length === members.length && left.every(({ answer }) => answer.drained)
    return { left, drained: all && this.#deps.host.orphaned === 0 }
  }

  /** All end now. */
  async destroy(): Promise<void> {
    this.#isStopping = true
    const { processes } = this
    for (const process of processes) process.kill()
    await Promise.all(processes.map(({ ended }) => ended))
  }

  get #ready(): readonly Member[] {
    return [...this.#members.values()].filter(({ isReady }) => isReady)
  }

  #fork(number: number): Member {
    const { clock, host, observer, start } = this.#deps
    const process = new WorkerProcess((requests) => {
      client.receive(requests)
    })
    const client = host.attach((answers) => process.tell(answers))
    const ready = process.ask('start', { number, ...start() })
    const member: Member = { process, ready, isReady: false }
    this.#members.set(number, member)
    ready.then(
      () => {
        member.isReady = true
        observer.started(number, process.pid)
        if (this.isComplete) void host.handOut()
      },
      () => {
        process.kill()
      },
    )
    const startedAtMs = clock.now()
    void process.ended.then((ending) => {
      client.gone()
      this.#members.delete(number)
      if (!this.#isStopping) this.#replace(number, ending, clock.now() - startedAtMs)
    })
    return member
  }

  #replace(number: number, ending: Ending, livedMs: number): void {
    const { clock, host, observer } = this.#deps
    const failures = 1 + (livedMs < steadyMs ? (this.#failures.get(number) ?? 0) : 0)
    this.#failures.set(number, failures)
    const pauseMs = backoffMs(pauses, failures)
    observer.ended(number, ending, pauseMs)
    void host.handOut()
    clock.after(pauseMs, () => {
      if (!this.#isStopping) this.#fork(number)
    })
  }
}

function noAnswer(): never {
  throw new Error('no answer in time')
}
