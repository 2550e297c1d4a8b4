/** Two proxies that share a Redis: what one owned the other delivers, and a Redis that goes away. */
import t from 'tap'
import type { Status } from '../../src/admin/status.ts'
import { untilAtLeast, untilIs } from '../fixtures/condition.ts'
import { token } from '../fixtures/hex.ts'
import { settled } from '../fixtures/ledger.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

const options = { skip: noRedis }
const payload = '{"aps":{"alert":"hello"}}'

async function readinessOf({ adminPort }: Stage): Promise<{ status: number; store: unknown }> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`)
  const body = (await response.json()) as { store: unknown }
  return { status: response.status, store: body.store }
}

async function worriesOf({ adminPort }: Stage): Promise<readonly string[]> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/api/status`)
  const { verdict } = (await response.json()) as Status
  return verdict.problems.map(({ what }) => what)
}

t.test('goes on while Redis is away, says so, and catches up', options, async (t) => {
  const redis = await RedisServer.start(t)
  const stage = await setStage(t, { file: { store: redis.url } })
  const socket = await dial(stage)
  socket.write(enhanced(1, { token, payload }))
  await settled(stage, 1)
  t.same(await readinessOf(stage), { status: 200, store: 'reachable' })
  await redis.kill()
  await stage.log.find('store.lost')
  for (let number = 2; number <= 50; number++) socket.write(enhanced(number, { token, payload }))
  await settled(stage, 50)
  t.same(await readinessOf(stage), { status: 200, store: 'unreachable' })
  t.match(await worriesOf(stage), [/^Redis cannot be reached/])
  await redis.restart()
  await stage.log.find('store.back')
  t.same(await readinessOf(stage), { status: 200, store: 'reachable' })
  t.equal(stage.log.count('connection.closed'), 0)
  socket.end(enhanced(51, { token, payload }))
  await settled(stage, 51)
  t.equal(stage.received.length, 51)
})

t.test('stops reading when too much is in memory alone, and loses nothing', options, async (t) => {
  const redis = await RedisServer.start(t)
  const journal = { maxUnwritten: 20 }
  const stage = await setStage(t, { file: { store: redis.url, journal } })
  const socket = await dial(stage)
  redis.pause()
  await stage.simulator.stop()
  for (let number = 0; number < 200; number++) {
    socket.write(enhanced(number, { token, payload }))
    await new Promise(setImmediate)
  }
  const [route] = stage.proxy.routes
  await untilAtLeast(() => route?.relay.owned ?? 0, 20)
  await stage.log.find('store.lost')
  t.same(await readinessOf(stage), { status: 503, store: 'unreachable' })
  t.match(await worriesOf(stage), [/^The journal cannot be written/])
  t.ok((route?.relay.owned ?? 0) < 200)
  redis.resume()
  await stage.log.find('store.back')
  await untilIs(() => route?.relay.owned, 200)
  socket.destroy()
})

t.test('one proxy delivers what another has left', options, async (t) => {
  const redis = await RedisServer.start(t)
  const file = { store: redis.url, drainSeconds: 0 }
  const left = await setStage(t, { file, production: 'https://127.0.0.1:1' })
  const socket = await dial(left)
  socket.end(enhanced(1, { token, payload }))
  const [route] = left.proxy.routes
  await untilIs(() => route?.relay.owned, 1)
  const heir = await setStage(t, { file })
  await left.proxy.stop()
  await settled(heir, 1)
  t.match(heir.received, [{ token }])
})
