/** A gateway as it runs in production, and a legacy sender in front of it. */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import { pathOf } from './built.ts'
import { ask, startFile, startProgram, stop, unlessEnded } from './process.ts'
import { write, type Setting } from './setting.ts'
import type { Upstream } from './upstream.ts'

/** What the gateway says of itself. */
export interface Reading {
  readonly delivered: number
  readonly settled: number
  readonly cpuSeconds: number
  readonly rssBytes: number
}

/** Options of `node` for the gateway's process, for a profile: `--cpu-prof`. */
const nodeOptions = process.env['BENCH_GATEWAY_NODE_OPTIONS']?.split(' ') ?? []

const pollMs = 100
/** Nothing was settled for so long: something is wrong. */
const stalledMs = 30_000

interface Ready {
  readonly event: string
  readonly listeners: readonly [{ readonly port: number }]
  readonly admin: { readonly port: number }
}

/** What is measured. */
export interface GatewayOptions {
  readonly journal: boolean
  /** As in the configuration. Default `lmdb`. */
  readonly store?: string
  /** As in the configuration; several need Redis. Default 1. */
  readonly workers?: number
  /** Connections, each from a process of its own. Default 1. */
  readonly senders?: number
  /** As in the configuration. Default: the proxy's own. */
  readonly maxConnections?: number
  /** For `node`. */
  readonly nodeOptions?: readonly string[]
  /** Over the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>
}

/** `node dist/cli.js serve` with one route, and its senders. */
export class Gateway {
  readonly #child
  readonly #senders
  /** One for each worker. */
  readonly #adminPorts: readonly number[]
  /** Where senders connect. */
  readonly port: number
  #logLines = 0

  private constructor(
    child: ReturnType<typeof startProgram>,
    senders: readonly ReturnType<typeof startFile>[],
    port: number,
    adminPorts: readonly number[],
  ) {
    this.port = port
    this.#child = child
    this.#senders = senders
    this.#adminPorts = adminPorts
    child.stdout?.on('data', (text: Buffer) => {
      this.#logLines += text.toString().split('\n').length - 1
    })
  }

  /** Lines that it has logged since its start was over. */
  get logLines(): number {
    return this.#logLines
  }

  /** Starts it, and connects the senders. */
  static async start(
    setting: Setting,
    upstream: Upstream,
    options: GatewayOptions,
  ): Promise<Gateway> {
    const config = configure(setting, upstream, options)
    const child = startProgram(
      process.execPath,
      [
        ...nodeOptions,
        ...(options.nodeOptions ?? []),
        pathOf('dist/cli.js'),
        'serve',
        '--config',
        config,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...options.environment } },
    )
    const ready = await unlessEnded(child, untilBound(child, options.workers ?? 1))
    const adminPorts = ready.map(({ admin }) => admin.port)
    for (const port of adminPorts)
      while (!(await fetch(`http://127.0.0.1:${port}/readyz`)).ok) await pause(pollMs)
    const port = ready[0]?.listeners[0].port ?? 0
    const senders = Array.from({ length: options.senders ?? 1 }, () => startFile('sender.ts'))
    for (const sender of senders) await ask(sender, { port, ...setting })
    return new Gateway(child, senders, port, adminPorts)
  }

  /** Each sender writes so many, a multiple of `blockSize`, as fast as the gateway reads. */
  async blast(first: number, count: number): Promise<void> {
    await Promise.all(this.#senders.map((sender) => ask(sender, { first, count })))
  }

  /** Each sender writes one each time it is due, with the time in it. */
  async pace(perSecond: number, count: number): Promise<void> {
    await Promise.all(this.#senders.map((sender) => ask(sender, { perSecond, count })))
  }

  /** @throws when anything is settled otherwise: then it is not delivering that was measured */
  async untilDelivered(count: number, heard: (reading: Reading) => void): Promise<Reading> {
    let latest = { delivered: -1, atMs: 0 }
    for (;;) {
      const reading = await this.read()
      const { delivered, settled } = reading
      if (settled !== delivered) throw new Error(`${settled - delivered} were not delivered`)
      heard(reading)
      if (delivered >= count) return reading
      if (delivered !== latest.delivered) latest = { delivered, atMs: performance.now() }
      else if (performance.now() - latest.atMs > stalledMs)
        throw new Error(`the gateway stalled after ${delivered} of ${count}`)
      await pause(pollMs)
    }
  }

  /** Of the administrator's port, that of the first worker where there are several. */
  urlOf(path: string): string {
    return `http://127.0.0.1:${this.#adminPorts[0] ?? 0}${path}`
  }

  /** The sum over all workers. Costs each about a millisecond. */
  async read(): Promise<Reading> {
    const texts = await Promise.all(
      this.#adminPorts.map(async (port) =>
        (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
      ),
    )
    const sum = (start: string): number =>
      texts
        .flatMap((text) => text.split('\n'))
        .filter((line) => line.startsWith(`apns_legacy_proxy_${start}`))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
    return {
      delivered: sum('notifications_settled_total{route="app",outcome="delivered"}'),
      settled: sum('notifications_settled_total{'),
      cpuSeconds: sum('process_cpu_seconds_total '),
      rssBytes: sum('process_resident_memory_bytes '),
    }
  }

  /** For what is preloaded into its process. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#senders.map(stop))
    await stop(this.#child)
  }
}

let runs = 0

function configure(
  { authority, server, push }: Setting,
  { port }: Upstream,
  { journal, store = 'lmdb', workers = 1, maxConnections }: GatewayOptions,
): string {
  const run = `gateway-${++runs}`
  return write(
    `${run}/proxy.yaml`,
    stringify({
      listeners: [{ kind: 'gateway', host: '127.0.0.1', port: 0 }],
      admin: { port: 0 },
      tls: {
        certificate: write(`${run}/server.pem`, server.certificatePem),
        key: write(`${run}/server.key`, server.keyPem),
      },
      journal: { enabled: journal },
      store,
      workers,
      ...(maxConnections === undefined ? {} : { maxConnections }),
      providerApi: {
        production: `https://localhost:${port}`,
        certificateAuthority: write(`${run}/ca.pem`, authority.certificatePem),
      },
      routes: [
        {
          name: 'app',
          certificate: write(`${run}/push.pem`, push.certificatePem + push.keyPem),
        },
      ],
    }),
  )
}

/** What each worker says once it serves. */
function untilBound(
  { stdout }: ReturnType<typeof startProgram>,
  workers: number,
): Promise<readonly Ready[]> {
  return new Promise((resolve, reject) => {
    const ready: Ready[] = []
    if (stdout === null) reject(new TypeError('the gateway has no output'))
    else
      createInterface(stdout).on('line', (line) => {
        const event = JSON.parse(line) as Ready
        if (event.event === 'proxy.ready' && ready.push(event) === workers) resolve(ready)
      })
  })
}
