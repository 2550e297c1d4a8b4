/** An operator says that a suspected route is right and its tokens are bad. */
import t from 'tap'
import type { Standing } from '../../src/relay/setup-guard.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryEventLog } from '../fixtures/memory-event-log.ts'
import {
  badToken,
  delivered,
  notification,
  sceneOf,
  tokenOf,
  type Scene,
} from '../fixtures/relay-scene.ts'

function single(standing: Standing): Scene {
  const clock = new FakeClock()
  const eventLog = new MemoryEventLog(clock).join()
  return sceneOf({}, { clock, eventLog, processName: '', standing })
}

/** Accepts `count` notifications with different tokens, from number `from` on. */
function acceptMany({ accept }: Scene, count: number, from = 0): void {
  for (let number = from; number < from + count; number++)
    accept({ token: tokenOf(number), identifier: number })
}

function blamed({ relay }: Scene): number {
  return Object.values(relay.counters.rejections).reduce((sum, count) => sum + count, 0)
}

for (const [standing, told] of [
  ['unproven', 2],
  ['proven', 29],
] as const)
  t.test(`an overrule of ${standing === 'proven' ? 'a' : 'an'} ${standing} route`, (t) => {
    const suspected = (): Scene => {
      const scene = single(standing)
      acceptMany(scene, 100)
      scene.upstream.answerAll(badToken)
      return scene
    }

    t.test('lets APNs be asked again about all that is held, and its answers be told', (t) => {
      const scene = suspected()
      t.equal(blamed(scene), told)
      t.equal(scene.upstream.waiting.length, 100 - told)
      scene.relay.overrule()
      t.equal(scene.relay.standing, 'overruled')
      t.equal(scene.relay.downReason, undefined)
      t.equal(scene.relay.isSuspicious, false)
      t.equal(scene.upstream.mostInFlight, Infinity)
      t.equal(scene.upstream.calls.at(-1), 'credentialAccepted')
      scene.upstream.answerAll(badToken)
      t.equal(blamed(scene), 100)
      t.same(
        scene.events.filter((event) => !event.startsWith('rejected')),
        [
          'suspected BadDeviceToken for every token: wrong certificate, topic or environment?',
          'overruled kept',
          'overruled',
          'up',
        ],
      )
      t.end()
    })

    t.test('holds for later notifications, until APNs accepts one', (t) => {
      const scene = suspected()
      scene.relay.overrule()
      scene.upstream.answerAll(badToken)
      scene.clock.advance(24 * 3_600_000)
      acceptMany(scene, 100, 100)
      scene.upstream.answerAll(badToken)
      t.equal(blamed(scene), 200)
      acceptMany(scene, 51, 200)
      scene.upstream.answer(delivered)
      t.equal(scene.relay.standing, 'proven')
      t.same(scene.events.slice(-2), ['proven kept', 'proven'])
      scene.upstream.answerAll(badToken)
      t.equal(blamed(scene), 229, 'the guard of a proven route counts again')
      t.equal(scene.relay.isSuspicious, true)
      t.end()
    })

    t.test('holds for all that was received before, also if some of it is delivered', (t) => {
      const scene = suspected()
      scene.relay.overrule()
      scene.upstream.answer(delivered)
      scene.upstream.answerAll(badToken)
      t.equal(blamed(scene), 99)
      t.equal(scene.relay.isSuspicious, false)
      t.end()
    })

    t.test('ends with another set-up', (t) => {
      const scene = suspected()
      scene.relay.overrule()
      scene.relay.setupRenewed({ setup: 'another', standing: 'unproven', keep: () => undefined })
      const before = blamed(scene)
      scene.upstream.answerAll(badToken)
      t.equal(scene.relay.isSuspicious, true)
      t.equal(blamed(scene), before + 2)
      t.end()
    })
    t.end()
  })

t.test('an overruled route stays so over a restart', (t) => {
  const scene = single('overruled')
  for (let index = 0; index < 40; index++) {
    const entry = {
      apnsId: `left ${index}`,
      receivedAtMs: scene.clock.now(),
      notification: notification({ token: tokenOf(index) }),
    }
    scene.journal.leave(entry)
    scene.relay.recover(entry, () => undefined)
  }
  scene.upstream.answer(delivered)
  scene.upstream.answerAll(badToken)
  t.equal(blamed(scene), 39)
  t.end()
})

t.test('a steady session without notifications does not end an overrule', (t) => {
  const scene = single('overruled')
  scene.relay.sessionLasted()
  t.equal(scene.relay.standing, 'overruled')
  t.end()
})

t.test('an overrule while APNs refuses the credential: the route stays down', (t) => {
  const scene = single('unproven')
  acceptMany(scene, 5)
  scene.upstream.answerAll(badToken)
  scene.upstream.answer({ kind: 'credential', reason: 'InvalidProviderToken' })
  scene.relay.overrule()
  t.equal(scene.relay.downReason, 'InvalidProviderToken')
  t.notOk(scene.events.includes('up'))
  scene.upstream.answerAll(badToken)
  t.equal(scene.relay.downReason, undefined)
  t.equal(blamed(scene), 5)
  t.end()
})

for (const standing of ['unproven', 'proven'] as const)
  t.test(`an overrule of one process applies to all, ${standing}`, (t) => {
    const clock = new FakeClock()
    const log = new MemoryEventLog(clock)
    const process = (processName: string): Scene =>
      sceneOf({}, { clock, eventLog: log.join(), processName, standing })
    const one = process('one')
    const other = process('other')
    acceptMany(one, 50)
    acceptMany(other, 50, 50)
    for (const { upstream } of [one, other]) upstream.answerAll(badToken)
    t.equal(one.relay.isSuspicious && other.relay.isSuspicious, true)
    one.relay.overrule()
    t.same([one.relay.standing, other.relay.standing], ['overruled', 'overruled'])
    for (const { upstream, events } of [one, other]) {
      upstream.answerAll(badToken)
      t.ok(events.includes('overruled kept'))
    }
    t.equal(blamed(one) + blamed(other), 100)
    t.end()
  })

t.test('an overrule is for one set-up: a process with another one ignores it', (t) => {
  const clock = new FakeClock()
  const log = new MemoryEventLog(clock)
  const process = (processName: string): Scene =>
    sceneOf({}, { clock, eventLog: log.join(), processName, standing: 'unproven' })
  const one = process('one')
  const other = process('other')
  other.relay.setupRenewed({ setup: 'another', standing: 'unproven', keep: () => undefined })
  one.relay.overrule()
  t.same([one.relay.standing, other.relay.standing], ['overruled', 'unproven'])
  t.end()
})

t.test('200 bad tokens after 1,000 deliveries: 29 are told, the rest after five minutes', (t) => {
  const scene = single('unproven')
  acceptMany(scene, 1000)
  scene.upstream.answerAll(delivered)
  acceptMany(scene, 200, 1000)
  scene.upstream.answerAll(badToken)
  t.equal(blamed(scene), 29)
  t.equal(scene.relay.isSuspicious, true)
  for (let second = 0; second < 299; second++) {
    scene.clock.advance(1000)
    scene.upstream.answer(badToken)
  }
  t.equal(blamed(scene), 29, 'none is told within the five minutes')
  t.equal(scene.upstream.waiting.length, 171)
  scene.clock.advance(1000)
  scene.upstream.answer(badToken)
  t.equal(scene.relay.isSuspicious, false)
  scene.upstream.answerAll(badToken)
  t.equal(blamed(scene), 200)
  t.equal(scene.relay.counters.settled.delivered, 1000)
  t.equal(scene.upstream.waiting.length, 0)
  t.end()
})
