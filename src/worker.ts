/** A worker: the proxy in a process of its own, which does what the primary asks. Started by it alone. */
import { systemClock } from './clock.ts'
import type { Configuration } from './config/configuration.ts'
import { surviveDefects } from './defect.ts'
import { openLog } from './handlers/open-log.ts'
import type { Logger } from './log.ts'
import { observeRecorder, observeRedis } from './log-observer.ts'
import { Proxy } from './proxy.ts'
import { Recorder } from './recording/recorder.ts'
import type { StoreChannel } from './store/outbox.ts'
import { openRedisStore } from './store/redis-store.ts'
import type { StoreRequest } from './store/store-message.ts'
import type { Store } from './store/store.ts'
import { WorkerStore } from './store/worker-store.ts'
import { revived } from './workers/portable.ts'
import type { Failure, Order, Report, Tasks } from './workers/task.ts'

/** What waits for the channel, bytes; beyond, senders wait too. */
const fullBytes = 1024 * 1024

/** The way to the primary. Its end is the end of this process: see `node:cluster`. */
class Channel implements StoreChannel {
  #waitingBytes = 0

  get isFull(): boolean {
    return this.#waitingBytes >= fullBytes
  }

  send(requests: readonly StoreRequest[]): void {
    const bytes = requests.reduce(
      (sum, request) => sum + (request.kind === 'put' ? request.entry.length : 0),
      0,
    )
    this.#waitingBytes += bytes
    report({ kind: 'store', requests }, () => {
      this.#waitingBytes -= bytes
    })
  }
}

const store = new WorkerStore(new Channel(), systemClock)
let proxy: Proxy | undefined
let log: Logger | undefined

const perform: {
  readonly [Name in keyof Tasks]: (given: Tasks[Name]['given']) => Promise<Tasks[Name]['answer']>
} = {
  async start({ number, configuration, recording, inherited }) {
    const own = openLog(configuration.log.level).child({ worker: number })
    log = own
    surviveDefects(own)
    proxy = new Proxy(revived(configuration), {
      log: own,
      clock: systemClock,
      random: Math.random,
      recorder: recording && new Recorder(recording, systemClock, observeRecorder(own)),
      inherited,
    })
    return proxy.startOn(await storeOf(configuration, own))
  },
  async reload(configuration) {
    if (log !== undefined) log.level = configuration.log.level
    await proxy?.reload(revived(configuration))
    return undefined
  },
  async stop() {
    return { drained: (await proxy?.stop()) ?? true, census: await proxy?.census() }
  },
  readiness() {
    return Promise.resolve(proxy?.readiness)
  },
  sources() {
    return Promise.resolve(proxy?.sources)
  },
  census() {
    return proxy?.census() ?? Promise.resolve(undefined)
  },
  async metrics() {
    return (await proxy?.metrics.getMetricsAsJSON()) ?? []
  },
}

// A terminal, or whoever stops a service, tells all of its processes; the primary tells what to do.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

process.on('message', (order: Order) => {
  if (order.kind === 'store') store.receive(order.answers)
  else void answer(order)
})

report({ kind: 'here' })

/** Redis is reached by each worker itself; the embedded store is the primary's. */
async function storeOf(
  { store: access, journal }: Pick<Configuration, 'store' | 'journal'>,
  log: Logger,
): Promise<Store> {
  if (access.kind === 'lmdb') return store
  return openRedisStore(access, {
    clock: systemClock,
    maxUnwritten: journal.maxUnwritten,
    observer: observeRedis(log, access.address),
  })
}

async function answer({ id, name, given }: Extract<Order, { kind: 'task' }>): Promise<void> {
  try {
    const done = { kind: 'done', id, answer: await perform[name](given as never) } as const
    report(done, () => {
      if (name === 'stop') process.exit()
    })
  } catch (error) {
    report({ kind: 'failed', id, error: failureOf(error) })
  }
}

function report(message: Report, sent: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, sent)
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, code, syscall, port }: Failure = error
  return { message, code, syscall, port }
}
