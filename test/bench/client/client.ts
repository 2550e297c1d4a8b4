/** Runs one client of the provider API in a process of its own, and measures that process. */
import { once } from 'node:events'
import type { Issued } from '../../../src/credentials/authority.ts'
import { pace } from '../pace.ts'
import { payloadOf, payloadSentNow } from '../notification.ts'
import { openApns2 } from './apns2.ts'
import { openNodeApn } from './node-apn.ts'
import { openNodeHttp2 } from './node-http2.ts'

/** Where the provider API is, and as whom to speak to it. */
export interface Target {
  readonly port: number
  readonly authority: Issued
  readonly push: Issued
}

/** Sends the n-th notification; resolves when it is accepted. */
export type Send = (n: number, payload: string) => Promise<unknown>

const clients = { 'node-apn': openNodeApn, apns2: openApns2, 'node:http2': openNodeHttp2 } as const

/** One of those that can be measured. */
export type ClientName = keyof typeof clients

/** What to do. */
export type Task =
  | { readonly first: number; readonly count: number }
  | { readonly perSecond: number; readonly count: number }

/** What it took this process. */
export interface Effort {
  readonly seconds: number
  readonly cpuSeconds: number
}

/** Notifications on the way at once, as the gateway has them for one connection. */
const inFlight = 1000

process.on('disconnect', () => process.exit())
const [{ name, target }] = (await once(process, 'message')) as [
  { readonly name: ClientName; readonly target: Target },
]
const send = clients[name](target)
process.on('message', (task: Task) => {
  void perform(task).then((effort) => process.send?.(effort))
})
process.send?.('open')

async function perform(task: Task): Promise<Effort> {
  const startMs = performance.now()
  const before = process.cpuUsage()
  if ('perSecond' in task) await sendPaced(task.perSecond, task.count)
  else await sendAll(task.first, task.first + task.count)
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 }
}

async function sendAll(first: number, end: number): Promise<void> {
  let next = first
  const sendOn = async (): Promise<void> => {
    for (let n = next++; n < end; n = next++) await send(n, payloadOf(n))
  }
  await Promise.all(Array.from({ length: inFlight }, sendOn))
}

async function sendPaced(perSecond: number, count: number): Promise<void> {
  const answers: Promise<unknown>[] = []
  await pace(perSecond, count, (n) => {
    answers.push(send(n, payloadSentNow(n)))
  })
  await Promise.all(answers)
}
