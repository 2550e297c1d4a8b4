/**
 * How soon a sender hears of a bad one among thousands written in one go, and for how long the
 * gateway's event loop stands still meanwhile.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { startSimulatorApart } from '../fixtures/simulator-apart.ts'
import { built, pathOf } from './built.ts'
import { Gateway } from './gateway.ts'
import { expiration } from './notification.ts'
import { folder } from './process.ts'
import { showProgress } from './report.ts'
import type { Setting } from './setting.ts'

/** Milliseconds. */
export interface Burst {
  readonly count: number
  readonly answersAfterMs: number
  /** From APNs' answer to the error response, one for each round, the shortest first. */
  readonly delaysMs: readonly number[]
  readonly longestStallMs: number
}

const rounds = 20
const count = 4000
const answersAfterMs = 200

/** A sender that writes so many at once, the second one bad. */
export async function measureBurst(setting: Setting): Promise<Burst> {
  let badAtMs = NaN
  const simulator = await startSimulatorApart(
    {
      tls: setting.server,
      answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }],
      latencyMs: { min: answersAfterMs, max: answersAfterMs },
    },
    (batch) => {
      for (const { token, atMs } of batch) if (token.startsWith('bad')) badAtMs = atMs
    },
  )
  const stallFile = join(folder, 'stall')
  const port = Number(new URL(simulator.origin).port)
  const upstream = { name: 'simulator', isNghttpd: false, port, stop: () => simulator.stop() }
  const gateway = await Gateway.start(setting, upstream, {
    journal: true,
    senders: 0,
    nodeOptions: ['--import', pathOf('test/bench/stall.mjs')],
    environment: { STALL_FILE: stallFile },
  })
  // What its start takes is no stall of its work.
  gateway.signal('SIGUSR2')
  const delaysMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    showProgress('burst', round / rounds)
    const toldAtMs = await burst(setting, gateway.port, round)
    // The simulator's process may be later with its word than the gateway with the error response.
    while (Number.isNaN(badAtMs)) await pause(5)
    delaysMs.push(toldAtMs - badAtMs - answersAfterMs)
    badAtMs = NaN
  }
  await gateway.stop()
  await simulator.stop()
  const longestStallMs = Number(readFileSync(stallFile, 'utf8'))
  return { count, answersAfterMs, delaysMs: delaysMs.sort((a, b) => a - b), longestStallMs }
}

/** When the six bytes came, ms since the epoch. */
async function burst(setting: Setting, port: number, round: number): Promise<number> {
  const { encodeNotification } = await built('binary/encoder')
  const bytes = Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      encodeNotification({
        command: 2,
        identifier: index + 1,
        token: Buffer.from(
          `${index === 1 ? 'bad0' : '1234'}${String(round * count + index).padStart(60, '0')}`,
          'hex',
        ),
        payload: Buffer.from(`{"aps":{"alert":"hello ${index}"}}`),
        expiration,
        priority: 10,
      }),
    ),
  )
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: setting.authority.certificatePem,
    cert: setting.push.certificatePem,
    key: setting.push.keyPem,
  })
  await once(socket, 'secureConnect')
  socket.write(bytes)
  await once(socket, 'data')
  const toldAtMs = Date.now()
  socket.end()
  await once(socket, 'close')
  return toldAtMs
}
