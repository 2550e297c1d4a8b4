/** What an open status page and a scraping Prometheus cost the notifications. */
import { setTimeout as pause } from 'node:timers/promises'
import { Gateway } from './gateway.ts'
import { wholeBlocks } from './notification.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'
import { startUpstream } from './upstream.ts'

/** Medians of the runs of one kind. */
export interface Watched {
  readonly name: string
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

/** Both kinds, and what being watched costs. */
export interface AdminLoad {
  readonly runs: number
  readonly count: number
  readonly alone: Watched
  readonly watched: Watched
  /** Of the throughput. */
  readonly lossPercent: number
  /** More CPU time for each notification; it weighs more the fewer there are in a second. */
  readonly cpuPercent: number
}

/** What is promised. */
export const mostLossPercent = 3

const pairs = 6
const scrapeMs = 1000

/**
 * Runs alternate, so that what else the machine does falls on both: alone, watched, watched, alone.
 * What changes is the median over the pairs, each compared with its neighbour.
 */
export async function measureAdmin(setting: Setting, count: number): Promise<AdminLoad> {
  showProgress('admin')
  const upstream = await startUpstream(setting)
  const gateway = await Gateway.start(setting, upstream, { journal: true })
  const warmUp = wholeBlocks(count / 2)
  await gateway.blast(0, warmUp)
  const runs = new Runs(gateway, warmUp, count)
  const alone: Run[] = []
  const watched: Run[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 === 0 ? [alone, watched] : [watched, alone]
    for (const kind of order) {
      showProgress('admin', (alone.length + watched.length) / (2 * pairs))
      kind.push(kind === alone ? await runs.next() : await whileWatched(gateway, () => runs.next()))
    }
  }
  await gateway.stop()
  await upstream.stop()
  const changes = (of: (run: Run) => number): number[] =>
    watched.map((run, pair) => 100 * (of(run) / of(alone[pair] ?? run) - 1))
  return {
    runs: pairs,
    count,
    alone: medianOf('nobody looks', alone),
    watched: medianOf('page open, scraped each second', watched),
    lossPercent: -median(changes(({ perSecond }) => perSecond)),
    cpuPercent: median(changes(({ cpuMicroseconds }) => cpuMicroseconds)),
  }
}

interface Run {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

/** The same number of notifications again and again, with no look at the gateway in between. */
class Runs {
  readonly #gateway: Gateway
  readonly #count: number
  #sent: number

  constructor(gateway: Gateway, sent: number, count: number) {
    this.#gateway = gateway
    this.#sent = sent
    this.#count = count
  }

  async next(): Promise<Run> {
    const before = await this.#gateway.untilDelivered(this.#sent, () => undefined)
    const startMs = performance.now()
    await this.#gateway.blast(this.#sent, this.#count)
    this.#sent += this.#count
    const after = await this.#gateway.untilDelivered(this.#sent, () => undefined)
    return {
      perSecond: (1000 * this.#count) / (performance.now() - startMs),
      cpuMicroseconds: (1e6 * (after.cpuSeconds - before.cpuSeconds)) / this.#count,
    }
  }
}

/** With one listener to the page's events, and a scrape each second. */
async function whileWatched(gateway: Gateway, run: () => Promise<Run>): Promise<Run> {
  const leave = new AbortController()
  const { signal } = leave
  const listening = drain(gateway.urlOf('/api/events'), signal)
  const scraping = scrape(gateway, signal)
  try {
    return await run()
  } finally {
    leave.abort()
    await Promise.allSettled([listening, scraping])
  }
}

async function drain(url: string, signal: AbortSignal): Promise<void> {
  const { body } = await fetch(url, { signal })
  const reader = body?.getReader()
  while ((await reader?.read())?.done === false);
}

async function scrape(gateway: Gateway, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await (await fetch(gateway.urlOf('/metrics'), { signal })).text()
    await pause(scrapeMs, undefined, { signal })
  }
}

function medianOf(name: string, runs: readonly Run[]): Watched {
  return {
    name,
    perSecond: median(runs.map(({ perSecond }) => perSecond)),
    cpuMicroseconds: median(runs.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const [low = NaN, high = NaN] = [sorted[(sorted.length - 1) >> 1], sorted[half]]
  return (low + high) / 2
}
