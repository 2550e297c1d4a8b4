/**
 * Serves mixed senders for a long time: `npm run soak [-- --minutes 30]`. Prints how memory, handles
 * and journal develop; exits with 1 if a notification is lost or doubled.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { until } from '../fixtures/condition.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import type { Push } from '../fixtures/resender.ts'
import { startSimulatorApart } from '../fixtures/simulator-apart.ts'
import { writeConfiguration } from '../fixtures/stage.ts'
import { SteadySender } from '../fixtures/steady-sender.ts'
import { startWatchedProxy, type Watched } from '../fixtures/watched-proxy.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new RangeError('--minutes takes a number above 0')

const perSecond = 1500
const senders = 4
/** A sender stays so long on a connection, unless it is told of an error. */
const blockSeconds = 10
const blockCount = (perSecond / senders) * blockSeconds
const answers = [
  { tokenPrefix: 'bad', reason: 'BadDeviceToken' },
  { tokenPrefix: 'dead', reason: 'Unregistered' },
]

/** Good tokens that were sent, each with how often it was delivered. */
const open = new Map<string, number>()
const tally = { sent: 0, delivered: 0, doubled: 0, told: 0 }

const sender = await pushCertificate('com.example.app')
const simulator = await startSimulatorApart(
  { tls: server, answers, latencyMs: { min: 20, max: 60 }, goawayEvery: 5000 },
  (received) => {
    for (const { token, status } of received) if (status === 200) delivered(token)
  },
)
const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-soak-'))
const proxy = await startWatchedProxy(writeConfiguration(directory, sender, simulator.origin, {}))
const endsAtMs = performance.now() + minutes * 60_000
const samples: Sample[] = []

console.log(row(['minute', 'sent', 'delivered', 'told', 'RSS MiB', 'handles', 'journal MiB']))
const sampling = sample()
await Promise.all(Array.from({ length: senders }, (_, number) => send(number)))
await sampling
await until(async () => (await proxy.look()).owned === 0 && open.size === 0, {
  seen: () => ({ lost: open.size }),
  // A slow machine has a backlog by then.
  withinMs: 10 * 60_000,
}).catch((error: unknown) => {
  console.error(error)
})
const code = await proxy.stop()
await simulator.stop()
rmSync(directory, { recursive: true })
console.log(`
RSS ${slope(({ rssMiB }) => rssMiB)} MiB a minute, heap ${slope(({ heapMiB }) => heapMiB)} MiB a minute,
handles ${slope(({ handles }) => handles)} a minute, journal ${slope(({ journalMiB }) => journalMiB)} MiB a minute.
Of ${tally.sent} notifications: lost ${open.size}, doubled ${tally.doubled}. The proxy ended with ${String(code)}.`)
process.exitCode = open.size > 0 || tally.doubled > 0 || code !== 0 ? 1 : 0

/** One at a time: a token that is delivered and no longer open is doubled. */
function delivered(token: string): void {
  tally.delivered++
  if (!open.delete(token)) tally.doubled++
}

/** Blocks of notifications, each on a new connection. */
async function send(number: number): Promise<void> {
  for (let block = 0; performance.now() < endsAtMs; block++) {
    const pushes = Array.from({ length: blockCount }, (_, index) => pushOf(number, block, index))
    for (const { token } of pushes) if (!/^(bad|dead)/.test(token)) open.set(token, 0)
    const steady = new SteadySender({ port: proxy.ports[0] ?? 0, sender }, pushes)
    await steady.run(perSecond / senders)
    tally.sent += pushes.length
    tally.told += steady.told.length
    steady.finish()
  }
}

/** One of 500 has a bad token, one of 1,000 one that is gone. */
function pushOf(number: number, block: number, index: number): Push {
  const kind = index % 500 === 250 ? 'bad0' : index % 1000 === 700 ? 'dead' : '1234'
  const digits = [number, block, index].map((value) => String(value).padStart(20, '0'))
  return { token: kind + digits.join(''), payload: JSON.stringify({ aps: { alert: `${index}` } }) }
}

interface Sample extends Watched {
  readonly atMinute: number
  readonly journalMiB: number
}

/** Six times a minute; prints one of them. */
async function sample(): Promise<void> {
  const beganAtMs = performance.now()
  for (let count = 1; performance.now() < endsAtMs; count++) {
    await pause(10_000)
    const look = await proxy.look({ tidy: true })
    const atMinute = (performance.now() - beganAtMs) / 60_000
    const last = { ...look, atMinute, journalMiB: bytesIn(directory) / 2 ** 20 }
    samples.push(last)
    if (count % 6 !== 0) continue
    const cells = [atMinute.toFixed(0), tally.sent, tally.delivered, tally.told]
    console.log(row([...cells, look.rssMiB.toFixed(1), look.handles, last.journalMiB.toFixed(1)]))
  }
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

/** Of the line that fits best, without the first quarter, in which the process warms up. */
function slope(value: (sample: Sample) => number): string {
  const used = samples.slice(Math.floor(samples.length / 4))
  const mean = (of: (sample: Sample) => number): number =>
    used.reduce((sum, each) => sum + of(each), 0) / used.length
  const [x, y] = [mean(({ atMinute }) => atMinute), mean(value)]
  const product = mean((each) => (each.atMinute - x) * (value(each) - y))
  return (product / mean(({ atMinute }) => (atMinute - x) ** 2)).toFixed(2)
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell) => String(cell).padStart(12)).join('')
}
