import t from 'tap'
import type { Outcome } from '../../src/apns/outcome.ts'
import { refused, type RefusalCode } from '../../src/binary/notification.ts'
import type { Delivery } from '../../src/relay/delivery.ts'
import { accepted } from '../../src/relay/lane.ts'
import { ConnectionState } from '../../src/relay/connection-state.ts'
import type { JournalEntry } from '../../src/relay/relay-journal.ts'
import type { RoutePolicy } from '../../src/relay/route-policy.ts'
import type { RouteCounters } from '../../src/relay/route-counters.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryEventLog } from '../fixtures/memory-event-log.ts'
import {
  badToken,
  delivered,
  notification,
  sceneOf,
  tokenOf,
  type Scene,
  type Seen,
} from '../fixtures/relay-scene.ts'

const aa = 'aa'.repeat(32)
const rejectedAs = (statusCode: number, reason: string): object => ({
  kind: 'rejected',
  statusCode,
  reason,
})
const later: Outcome = {
  kind: 'unavailable',
  reason: 'ServiceUnavailable',
  retry: 'later',
  status: 503,
}
const now: Outcome = { kind: 'unavailable', reason: 'Shutdown', retry: 'now' }
const forbidden: Outcome = { kind: 'credential', reason: 'Forbidden' }
const gone: Outcome = { kind: 'unregistered', reason: 'Unregistered', timestamp: 7 }
const tooLarge = rejectedFor('PayloadTooLarge')

/** The counts that are not 0. */
function settled({ relay }: Scene): Partial<RouteCounters['settled']> {
  return Object.fromEntries(Object.entries(relay.counters.settled).filter(([, count]) => count > 0))
}

/** Accepts `count` notifications with different tokens and identifiers, from number `from` on. */
function acceptMany({ accept }: Scene, count: number, from = 0): Seen[] {
  return numbers(count, from).map((number) =>
    accept({ token: tokenOf(number), identifier: number }),
  )
}

/** Accepts `count` notifications of one read. */
function read({ take }: Scene, count: number): readonly Seen[] {
  return take(
    numbers(count, 0).map((identifier) => notification({ token: tokenOf(identifier), identifier })),
  )
}

/** What an earlier process has written into the journal. */
function leftBehind({ journal, clock }: Scene, changes: Partial<JournalEntry> = {}): JournalEntry {
  const entry = {
    apnsId: 'old id',
    receivedAtMs: clock.now(),
    notification: notification(),
    ...changes,
  }
  journal.leave(entry)
  return entry
}

/** The number of rejections, of all reasons together. */
function blamed({ relay }: Scene): number {
  return Object.values(relay.counters.rejections).reduce((sum, count) => sum + count, 0)
}

function numbers(count: number, from: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}

t.test('owns a notification until it is delivered, and emits no event', (t) => {
  const scene = sceneOf()
  const seat = scene.accept()
  t.equal(scene.relay.owned, 1)
  t.same(seat.settlements, [])
  scene.upstream.answer(delivered)
  t.same(seat.settlements, [accepted])
  t.equal(scene.relay.owned, 0)
  t.same(scene.relay.counters.received, { 0: 0, 1: 1, 2: 0 })
  t.same(settled(scene), { delivered: 1 })
  t.same(scene.events, [])
  t.end()
})

t.test(
  'settles a rejected notification when it is reported, or when it cannot be reported any more',
  (t) => {
    for (const verdict of ['told', 'untold'] as const) {
      const scene = sceneOf()
      const origin = scene.open(1)
      const { settlements } = scene.accept({}, origin)
      scene.upstream.answer(badToken)
      t.equal(scene.relay.owned, 1)
      if (verdict === 'told') scene.report(origin)
      else scene.relay.ended(origin)
      t.equal(scene.relay.owned, 0)
      t.same(settled(scene), verdict === 'told' ? { rejected: 1 } : { untold: 1 })
      t.same(scene.events, ['rejected BadDeviceToken'])
      t.same(scene.verdicts, [`${verdict} BadDeviceToken`])
      t.same(settlements, [])
    }
    t.end()
  },
)

t.test('rejects what the provider API cannot accept, without a request', (t) => {
  const scene = sceneOf()
  const [seen] = scene.take([refused(2, 7, 'invalid-token-size')])
  t.same(seen?.settlements, [rejectedAs(5, 'invalid-token-size')])
  const text = scene.accept({ payload: Buffer.from('hello') })
  t.same(text.settlements, [rejectedAs(4, 'payload-not-an-object')])
  t.same(scene.upstream.waiting, [])
  t.same(scene.journal.batches, [])
  t.same(scene.relay.counters.received, { 0: 0, 1: 1, 2: 1 })
  t.equal(blamed(scene), 2)
  t.end()
})

t.test('measures how long a rejection waited for its error response', (t) => {
  const scene = sceneOf()
  const origin = scene.open(1)
  scene.accept({}, origin)
  scene.upstream.answer(badToken)
  scene.clock.advance(30)
  scene.report(origin)
  t.equal(scene.relay.counters.errorResponseLatency.sumMs, 30)
  t.end()
})

t.test('a rejected notification behind the named one waits for its resend', (t) => {
  /** The error response names 1, APNs rejects 2 behind it, and the sender has closed. */
  const awaiting = (): Scene => {
    const scene = sceneOf()
    const origin = scene.open(1)
    for (const number of [1, 2])
      scene.accept({ token: tokenOf(number), identifier: number }, origin)
    scene.upstream.answerAll(badToken)
    scene.report(origin)
    scene.relay.ended(origin)
    t.same(settled(scene), { rejected: 1 })
    t.equal(scene.relay.owned, 0, 'neither in the journal nor in the way of a stop')
    return scene
  }

  t.test('which is reported in its place, so the rejection counts once', (t) => {
    const scene = awaiting()
    const again = scene.open(2)
    scene.accept({ token: tokenOf(2), identifier: 9 }, again)
    t.same(settled(scene), { rejected: 1, resent: 1 })
    scene.report(again)
    t.same(settled(scene), { rejected: 2, resent: 1 })
    t.equal(blamed(scene), 2)
    t.same(scene.events, ['rejected BadDeviceToken', 'rejected BadDeviceToken'])
    t.same(scene.verdicts, ['told BadDeviceToken', 'told BadDeviceToken'])
    t.end()
  })

  t.test('for the resend window after the EOF, and is untold after that', (t) => {
    const scene = awaiting()
    scene.clock.advance(9999)
    t.same(settled(scene), { rejected: 1 })
    scene.clock.advance(1001)
    t.same(settled(scene), { rejected: 1, untold: 1 })
    t.same(scene.verdicts, ['told BadDeviceToken', 'untold BadDeviceToken'])
    t.end()
  })

  t.test('until the proxy stops', async (t) => {
    const scene = awaiting()
    await scene.relay.idle()
    t.same(settled(scene), { rejected: 1, untold: 1 })
    t.end()
  })

  t.test(
    'and 25 rejections in a row, reported one at a time, count as 25 and emit 25 events',
    (t) => {
      const scene = sceneOf()
      let numbersLeft = numbers(25, 0)
      for (let connection = 1; numbersLeft.length > 0; connection++) {
        const origin = scene.open(connection)
        scene.take(
          numbersLeft.map((identifier) => notification({ token: tokenOf(identifier), identifier })),
          origin,
        )
        scene.upstream.answerAll(badToken)
        scene.report(origin)
        scene.relay.ended(origin)
        numbersLeft = numbersLeft.slice(1)
      }
      t.same(settled(scene), { rejected: 25, resent: 300 })
      t.equal(scene.events.length, 25)
      t.equal(blamed(scene), 25)
      t.end()
    },
  )
  t.end()
})

t.test('idle resolves once nothing is owned', async (t) => {
  const scene = sceneOf()
  await scene.relay.idle()
  scene.accept()
  scene.accept()
  let idle = 0
  const waiting = [scene.relay.idle(), scene.relay.idle()].map((each) => each.then(() => idle++))
  scene.upstream.answer(delivered)
  await Promise.resolve()
  t.equal(idle, 0)
  scene.upstream.answer(delivered)
  await Promise.all(waiting)
  t.equal(idle, 2)
})

t.test('traces each notification by its apns-id, if there is a subscriber', (t) => {
  const scene = sceneOf()
  scene.accept({ token: tokenOf(1) })
  const origin = scene.open(2)
  scene.accept({ token: tokenOf(2), identifier: 2 }, origin)
  scene.accept({ token: tokenOf(3), identifier: 3 }, origin)
  scene.upstream.answer(delivered)
  scene.upstream.answer(badToken)
  t.same(scene.steps, ['accepted id 1', 'accepted id 2', 'accepted id 3', 'delivered id 1'])
  scene.report(origin)
  scene.accept({ token: tokenOf(3) }, scene.open(3))
  t.same(scene.steps.slice(4), ['accepted id 4', 'recognised id 4 repeats id 3'])
  scene.tracing.isOn = false
  scene.accept({ token: tokenOf(4) })
  scene.upstream.answerAll(now)
  scene.upstream.answerAll(delivered)
  t.equal(scene.steps.length, 6)
  t.same(settled(scene), { delivered: 3, rejected: 1, resent: 1 })
  t.end()
})

t.test('retries', (t) => {
  t.test('sends again after a pause, with the same apns-id', (t) => {
    const scene = sceneOf()
    const seat = scene.accept()
    scene.upstream.answer(later)
    t.same(scene.upstream.waiting, [])
    scene.clock.advance(249)
    t.same(scene.upstream.waiting, [])
    scene.clock.advance(1)
    t.equal(scene.upstream.waiting[0]?.request.apnsId, 'id 1')
    scene.upstream.answer(later)
    scene.clock.advance(500)
    t.equal(scene.upstream.waiting[0]?.request.apnsId, 'id 1')
    scene.upstream.answer(delivered)
    t.same(seat.settlements, [accepted])
    t.match(scene.relay.counters.retries, { 'server-error': 2, throttled: 0, unanswered: 0 })
    t.same(scene.events, ['retried ServiceUnavailable 250', 'retried ServiceUnavailable 500'])
    t.same(settled(scene), { delivered: 1 })
    t.end()
  })

  t.test('sends again at once if APNs has not processed the request', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(now)
    t.equal(scene.upstream.waiting[0]?.request.apnsId, 'id 1')
    t.end()
  })

  t.test('does not send before Retry-After', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer({ ...later, retryAfterMs: 7000 })
    scene.clock.advance(6999)
    t.same(scene.upstream.waiting, [])
    scene.clock.advance(1)
    t.equal(scene.upstream.waiting.length, 1)
    t.end()
  })

  t.test('gives up a notification with expiration 0 after a minute', (t) => {
    const scene = sceneOf()
    const seat = scene.accept({ expiration: 0 })
    t.equal(scene.upstream.waiting[0]?.giveUpAtMs, scene.clock.now() + 60_000)
    scene.clock.advance(59_000)
    scene.upstream.answer(later)
    scene.clock.advance(999)
    t.equal(scene.upstream.waiting.length, 1, 'a last attempt, however long the pause would be')
    scene.upstream.answer(later)
    t.same(scene.upstream.waiting, [])
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { expired: 1 })
    t.same(scene.events, ['retried ServiceUnavailable 250', 'expired'])
    scene.clock.advance(1000)
    t.same(scene.upstream.waiting, [])
    t.end()
  })

  t.test('gives up at once if Retry-After is later than the time limit', (t) => {
    const scene = sceneOf()
    scene.accept({ expiration: 0 })
    scene.upstream.answer({ ...later, retryAfterMs: 60_000 })
    t.same(settled(scene), { expired: 1 })
    t.end()
  })

  t.test('gives up every notification after retryForSeconds', (t) => {
    const scene = sceneOf({ retryForSeconds: 100 })
    scene.accept({ command: 0, identifier: undefined, expiration: undefined })
    t.equal(scene.upstream.waiting[0]?.giveUpAtMs, scene.clock.now() + 100_000)
    t.end()
  })

  t.test('settles a notification that expires in the queue as expired', (t) => {
    const scene = sceneOf()
    const seat = scene.accept()
    scene.upstream.expire()
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { expired: 1 })
    t.equal(scene.journal.unsettled, 0)
    t.end()
  })
  t.end()
})

t.test('amendments', (t) => {
  const rows = [
    { reason: 'InvalidPushType', amendment: 'without-push-type', is: { pushType: undefined } },
    { reason: 'BadPriority', amendment: 'power-saving', is: { priority: 5 } },
    { reason: 'BadExpirationDate', amendment: 'without-expiration', is: { expiration: undefined } },
  ] as const
  for (const { reason, amendment, is } of rows)
    t.test(`${reason}: sends once more ${amendment}, then rejects the notification`, (t) => {
      const scene = sceneOf()
      const seat = scene.accept()
      const request = scene.upstream.waiting[0]?.request
      scene.upstream.answer({ kind: 'rejected', reason, amendment })
      t.same(seat.settlements, [])
      t.same(scene.upstream.waiting[0]?.request, { ...request, ...is })
      scene.upstream.answer({ kind: 'rejected', reason, amendment })
      t.same(seat.settlements, [rejectedAs(1, reason)])
      t.same(scene.upstream.waiting, [])
      t.end()
    })
  t.end()
})

t.test('a refused credential', (t) => {
  t.test('rejects no notification: the route is down and keeps everything', (t) => {
    const scene = sceneOf()
    const seats = acceptMany(scene, 3)
    scene.upstream.answerAll(forbidden)
    t.equal(scene.relay.downReason, 'Forbidden')
    t.ok(scene.upstream.calls.every((call) => call === 'credentialRefused'))
    t.equal(scene.upstream.waiting.length, 3, 'waiting to be tried')
    t.ok(seats.every(({ settlements }) => settlements.length === 0))
    t.same(scene.events, ['down Forbidden'], 'said once')
    t.equal(scene.relay.owned, 3)
    t.end()
  })

  for (const [what, outcome] of Object.entries({ delivered, gone, tooLarge, badToken }))
    t.test(`works again after the first answer about a notification: ${what}`, (t) => {
      const scene = sceneOf()
      scene.accept()
      scene.upstream.answer(forbidden)
      scene.upstream.answer(outcome)
      t.equal(scene.relay.downReason, undefined)
      t.same(scene.upstream.calls, ['credentialRefused', 'credentialAccepted'])
      t.match(scene.events, ['down Forbidden', /./])
      t.ok(scene.events.includes('up'))
      t.end()
    })

  t.test('stays down during an outage', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(forbidden)
    scene.upstream.answer(later)
    t.equal(scene.relay.downReason, 'Forbidden')
    t.end()
  })

  t.test('before any request also marks the route as down', (t) => {
    const scene = sceneOf()
    scene.relay.refused('certificate expired')
    scene.relay.refused('certificate expired')
    t.equal(scene.relay.downReason, 'certificate expired')
    t.same(scene.events, ['down certificate expired'])
    t.end()
  })

  t.test('works again after a steady session if nothing is owned', (t) => {
    const scene = sceneOf()
    scene.relay.refused('certificate expired')
    scene.relay.sessionLasted()
    t.equal(scene.relay.downReason, undefined)
    t.same(scene.upstream.calls, ['credentialRefused', 'credentialAccepted'])
    t.end()
  })

  t.test('stays down after a steady session while a notification waits for its retry', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(forbidden)
    scene.relay.sessionLasted()
    t.equal(scene.relay.downReason, 'Forbidden')
    t.end()
  })

  t.test('works again when the last owned notification has expired', (t) => {
    const scene = sceneOf()
    acceptMany(scene, 2)
    scene.upstream.answer(forbidden)
    scene.upstream.expire()
    t.equal(scene.relay.downReason, 'Forbidden')
    scene.upstream.expire()
    t.equal(scene.relay.downReason, undefined)
    t.end()
  })
  t.end()
})

t.test('suspicion', (t) => {
  /** 29 rejections are settled, the others are doubted. */
  const suspected = (count = 40): { scene: Scene; seats: Seen[] } => {
    const scene = sceneOf()
    const seats = acceptMany(scene, count)
    scene.upstream.answerAll(badToken)
    return { scene, seats }
  }

  t.test(
    'after 30 different bad tokens in a row, the route is down and rejects no further token',
    (t) => {
      const { scene, seats } = suspected()
      t.match(scene.relay.downReason, /^BadDeviceToken for every token/)
      t.equal(seats.filter(({ settlements }) => settlements.length > 0).length, 29)
      t.equal(blamed(scene), 29)
      t.equal(scene.upstream.waiting.length, 11)
      t.equal(scene.events.filter((event) => event.startsWith('suspected')).length, 1)
      t.end()
    },
  )

  t.test('a delivery ends it: the other tokens are sent again, and rejections count', (t) => {
    const { scene } = suspected()
    scene.upstream.answer(delivered)
    t.equal(scene.relay.downReason, undefined)
    scene.upstream.answerAll(badToken)
    t.same(settled(scene), { delivered: 1 })
    t.equal(blamed(scene), 39)
    t.end()
  })

  t.test('other answers than a delivery do not end it', (t) => {
    const { scene } = suspected()
    scene.upstream.answer(tooLarge)
    scene.upstream.answer(gone)
    t.match(scene.relay.downReason, /^BadDeviceToken/)
    t.notOk(scene.upstream.calls.includes('credentialAccepted'))
    t.end()
  })

  t.test('after five minutes, rejections count again', (t) => {
    const { scene } = suspected()
    scene.clock.advance(5 * 60_000 - 1)
    scene.upstream.answerAll(badToken)
    t.equal(blamed(scene), 29)
    scene.clock.advance(1)
    scene.upstream.answerAll(badToken)
    t.equal(blamed(scene), 40)
    t.equal(scene.relay.downReason, undefined)
    t.end()
  })

  t.test(
    'tokens that were rejected before are sent to APNs again, not rejected from memory',
    (t) => {
      const { scene } = suspected()
      scene.upstream.answer(delivered)
      const waiting = scene.upstream.waiting.length
      const seat = scene.accept({ token: tokenOf(0) })
      t.same(seat.settlements, [])
      t.equal(scene.upstream.waiting.length, waiting + 1)
      t.end()
    },
  )

  t.test('a steady session does not reset the count while the route is up', (t) => {
    const scene = sceneOf()
    acceptMany(scene, 29)
    scene.upstream.answerAll(badToken)
    scene.relay.sessionLasted()
    acceptMany(scene, 1, 29)
    scene.upstream.answer(badToken)
    t.match(scene.relay.downReason, /^BadDeviceToken for every token/)
    t.end()
  })

  t.test('ends when everything owned has expired', (t) => {
    const { scene, seats } = suspected(30)
    const [seat] = seats
    if (seat?.delivery.source instanceof ConnectionState) scene.relay.ended(seat.delivery.source)
    scene.upstream.expire()
    t.equal(scene.relay.downReason, undefined)
    t.end()
  })
  t.end()
})

t.test('an unproven route', (t) => {
  const unproven = (): Scene => {
    const clock = new FakeClock()
    const eventLog = new MemoryEventLog(clock).join()
    return sceneOf({}, { clock, eventLog, processName: '', standing: 'unproven' })
  }

  t.test('asks for three tokens at a time, until one is delivered', (t) => {
    const scene = unproven()
    t.equal(scene.upstream.mostInFlight, 3)
    acceptMany(scene, 2)
    scene.upstream.answer(badToken)
    t.equal(scene.upstream.mostInFlight, 3)
    scene.upstream.answer(delivered)
    t.equal(scene.upstream.mostInFlight, Infinity)
    t.same(scene.events, ['rejected BadDeviceToken', 'proven kept', 'proven'])
    t.equal(scene.relay.standing, 'proven')
    t.end()
  })

  t.test('tells two of 25 at once, and the rest once one is delivered', (t) => {
    const scene = unproven()
    acceptMany(scene, 25)
    scene.upstream.answerAll(badToken)
    t.equal(blamed(scene), 2)
    t.match(scene.relay.downReason, /^BadDeviceToken for every token/)
    t.equal(scene.relay.isSuspicious, true)
    t.equal(scene.upstream.waiting.length, 23)
    scene.upstream.answer(delivered)
    t.equal(scene.relay.downReason, undefined)
    scene.upstream.answerAll(badToken)
    t.equal(blamed(scene), 24)
    t.end()
  })

  t.test('tells two of 40, one every 2.2 s', (t) => {
    const scene = unproven()
    for (let index = 0; index < 40; index++) {
      acceptMany(scene, 1, index)
      scene.upstream.answerAll(badToken)
      scene.clock.advance(2200)
    }
    t.equal(blamed(scene), 2)
    t.equal(scene.upstream.waiting.length, 38)
    t.end()
  })

  for (const [name, outcome] of Object.entries({
    gone,
    BadTopic: rejectedFor('BadTopic'),
    MissingTopic: rejectedFor('MissingTopic'),
    BadPath: rejectedFor('BadPath'),
  }))
    t.test(`holds back ${name} for every token, as long as that lasts`, (t) => {
      const scene = unproven()
      acceptMany(scene, 10)
      for (let hours = 0; hours < 20; hours++) {
        scene.upstream.answerAll(outcome)
        scene.clock.advance(3_600_000)
      }
      t.equal(scene.relay.isSuspicious, true)
      t.equal(scene.upstream.waiting.length, 8)
      t.end()
    })

  t.test('is unproven again with another set-up, and what was held is sent again', (t) => {
    const scene = unproven()
    acceptMany(scene, 10)
    scene.upstream.answerAll(badToken)
    scene.relay.setupRenewed({ setup: 'another', standing: 'unproven', keep: () => undefined })
    t.equal(scene.relay.downReason, undefined)
    t.same(scene.upstream.calls.at(-1), 'credentialAccepted')
    scene.upstream.answerAll(delivered)
    t.match(settled(scene), { delivered: 8 })
    t.end()
  })

  t.test('holds back what an earlier process left behind, from the first rejection on', (t) => {
    const scene = unproven()
    for (let index = 0; index < 3; index++) {
      const entry = {
        apnsId: `left ${index}`,
        receivedAtMs: 0,
        notification: notification({ token: tokenOf(index) }),
      }
      scene.journal.leave(entry)
      scene.relay.recover(entry, () => t.fail('it is not settled'))
    }
    scene.upstream.answerAll(badToken)
    t.equal(scene.upstream.waiting.length, 3)
    t.equal(blamed(scene), 0)
    t.equal(scene.relay.isSuspicious, true)
    t.end()
  })

  t.test('takes a 410 of any reason as evidence', (t) => {
    const scene = unproven()
    acceptMany(scene, 6)
    scene.upstream.answerAll({ kind: 'unregistered', reason: 'HTTP 410', timestamp: undefined })
    t.equal(scene.feedback.length, 2)
    t.equal(scene.upstream.waiting.length, 4)
    t.end()
  })

  t.test('is not proven, and nothing blamed, by an answer to an earlier set-up', (t) => {
    const scene = unproven()
    acceptMany(scene, 4)
    const [one, two, three, four] = scene.upstream.waiting.splice(0)
    if (!one || !two || !three || !four) throw new TypeError('four deliveries')
    scene.relay.answered(one, delivered, false)
    scene.relay.answered(two, badToken, false)
    scene.relay.answered(three, gone, false)
    scene.relay.answered(four, { kind: 'credential', reason: 'BadCertificate' }, false)
    t.equal(scene.relay.standing, 'unproven')
    t.equal(scene.relay.downReason, undefined)
    t.same(settled(scene), { delivered: 1 })
    t.same(scene.upstream.waiting, [two, three, four])
    t.end()
  })

  t.test('sends what it held with the topic that was corrected', (t) => {
    const scene = unproven()
    acceptMany(scene, 5)
    scene.upstream.answerAll(rejectedFor('DeviceTokenNotForTopic'))
    const corrected = {
      topic: 'com.example.other.voip',
      retryForSeconds: 86_400,
      resendWindowSeconds: 10,
    }
    scene.relay.reconfigure(
      { ...corrected, unregistered: 'feedback' },
      { maxEntries: 10, maxBytes: 1e9 },
    )
    for (const delivery of scene.upstream.waiting) scene.relay.prepare(delivery)
    t.match(
      scene.upstream.waiting.map(({ request }) => request),
      Array.from({ length: 3 }, () => ({ topic: 'com.example.other.voip', pushType: 'voip' })),
    )
    t.end()
  })

  t.test('can have a refused credential as well', (t) => {
    const scene = unproven()
    acceptMany(scene, 5)
    scene.upstream.answer(badToken)
    scene.upstream.answer({ kind: 'credential', reason: 'InvalidProviderToken' })
    t.equal(scene.relay.downReason, 'InvalidProviderToken')
    t.equal(scene.relay.isSuspicious, false)
    scene.upstream.answer(badToken)
    t.equal(
      scene.relay.downReason,
      undefined,
      'APNs has judged a token, so it takes the credential',
    )
    scene.upstream.answer(badToken)
    t.match(scene.relay.downReason, /^BadDeviceToken for every token/)
    t.equal(scene.relay.isSuspicious, true)
    scene.upstream.answer({ kind: 'credential', reason: 'InvalidProviderToken' })
    t.equal(scene.relay.isSuspicious, false, 'senders are refused now')
    t.end()
  })

  t.test('tells two over two processes', (t) => {
    const clock = new FakeClock()
    const log = new MemoryEventLog(clock)
    const process = (processName: string): Scene =>
      sceneOf({}, { clock, eventLog: log.join(), processName, standing: 'unproven' })
    const one = process('one')
    const other = process('other')
    acceptMany(one, 10)
    acceptMany(other, 10, 10)
    for (let index = 0; index < 10; index++)
      for (const { upstream } of [one, other]) upstream.answer(badToken)
    t.equal(blamed(one) + blamed(other), 2)
    t.equal(one.relay.isSuspicious && other.relay.isSuspicious, true)
    other.upstream.answer(delivered)
    t.same([one.relay.standing, other.relay.standing], ['proven', 'proven'])
    t.end()
  })
  t.end()
})

t.test('feedback', (t) => {
  t.test('accepts a notification to an unregistered token, and adds the token to the list', (t) => {
    const scene = sceneOf()
    const seat = scene.accept()
    scene.upstream.answer({ ...gone, timestamp: 1_617_000_000 })
    t.same(seat.settlements, [accepted])
    t.same(scene.feedback, [`add ${aa} 1617000000`])
    t.same(settled(scene), { unregistered: 1 })
    t.same(scene.events, ['unregistered Unregistered'])
    t.end()
  })

  t.test('takes the present time if APNs sends no time', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.clock.advance(999)
    scene.upstream.answer({ ...gone, timestamp: undefined })
    t.same(scene.feedback, [`add ${aa} 1617148800`])
    t.end()
  })

  t.test('rejects with status 8 if the route reports unregistered tokens as errors', (t) => {
    const scene = sceneOf({ unregistered: 'error' })
    const seat = scene.accept()
    scene.upstream.answer(gone)
    t.same(seat.settlements, [rejectedAs(8, 'Unregistered')])
    t.same(scene.feedback, [])
    t.equal(blamed(scene), 1)
    t.end()
  })

  t.test('drops a token from the list after a delivery to it', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(delivered)
    t.same(scene.feedback, [`drop ${aa}`])
    t.end()
  })
  t.end()
})

t.test('journal', (t) => {
  t.test('writes the notifications of one read as one entry, before it sends them', (t) => {
    const scene = sceneOf()
    read(scene, 3)
    t.match(scene.journal.batches, [
      [
        { apnsId: 'id 1', receivedAtMs: scene.clock.now(), notification: { identifier: 0 } },
        { apnsId: 'id 2', notification: { identifier: 1 } },
        { apnsId: 'id 3', notification: { identifier: 2 } },
      ],
    ])
    scene.upstream.answer(delivered, 1)
    t.equal(scene.journal.unsettled, 2)
    scene.upstream.answer(badToken)
    scene.upstream.answer(gone)
    t.equal(scene.journal.unsettled, 0)
    t.end()
  })

  t.test('does not write what is rejected without a request', (t) => {
    const scene = sceneOf()
    scene.accept({ token: tokenOf(1) })
    scene.upstream.answer(badToken)
    scene.take([
      notification({ token: tokenOf(2) }),
      refused(2, 7, 'missing-token'),
      notification({ payload: Buffer.from('hello') }),
      notification({ token: tokenOf(3) }),
    ])
    t.match(scene.journal.batches.slice(1), [[{ apnsId: 'id 2' }, { apnsId: 'id 4' }]])
    scene.upstream.answerAll(delivered)
    t.equal(scene.journal.unsettled, 0)
    t.end()
  })

  t.test('keeps the entry during retries', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(now)
    t.equal(scene.journal.batches.length, 1)
    t.equal(scene.journal.unsettled, 1)
    t.end()
  })

  t.test('sends entries of an earlier process with their apns-id, and settles them', (t) => {
    const scene = sceneOf()
    let settledCount = 0
    scene.relay.recover(leftBehind(scene), () => settledCount++)
    t.equal(scene.upstream.waiting[0]?.request.apnsId, 'old id')
    t.equal(scene.relay.owned, 1)
    scene.upstream.answer(delivered)
    t.equal(settledCount, 1)
    t.equal(scene.relay.owned, 0)
    t.same(scene.relay.counters.received, { 0: 0, 1: 0, 2: 0 }, 'no sender has sent it')
    t.equal(scene.relay.counters.recovered, 1)
    t.same(settled(scene), { delivered: 1 })
    t.end()
  })

  t.test('counts the time limit of a recovered entry from the time it was received', (t) => {
    const scene = sceneOf()
    const receivedAtMs = scene.clock.now() - 50_000
    const entry = leftBehind(scene, { receivedAtMs, notification: notification({ expiration: 0 }) })
    scene.relay.recover(entry, () => undefined)
    t.equal(scene.upstream.waiting[0]?.giveUpAtMs, receivedAtMs + 60_000)
    t.end()
  })

  t.test('counts the rejection of a recovered entry as untold', (t) => {
    const scene = sceneOf()
    let settledCount = 0
    scene.relay.recover(leftBehind(scene), () => settledCount++)
    scene.upstream.answer(badToken)
    t.equal(settledCount, 1)
    t.same(settled(scene), { untold: 1 })
    t.end()
  })

  t.test('settles a recovered entry that cannot become a request', (t) => {
    const scene = sceneOf()
    let settledCount = 0
    const text = notification({ payload: Buffer.from('hello') })
    scene.relay.recover(leftBehind(scene, { notification: text }), () => settledCount++)
    t.equal(settledCount, 1)
    t.equal(scene.relay.owned, 0)
    t.same(settled(scene), { untold: 1 })
    t.same(scene.upstream.waiting, [])
    t.end()
  })
  t.end()
})

t.test('resends', (t) => {
  /** Connection 1 has an error response about its first notification; `copies` are unanswered. */
  const reportedScene = (
    policy = {},
  ): { scene: Scene; copies: Delivery[]; again: ReturnType<Scene['open']> } => {
    const scene = sceneOf(policy)
    const origin = scene.open(1)
    scene.accept({ token: tokenOf(0), identifier: 0 }, origin)
    const copies = [1, 2].map(
      (number) => scene.accept({ token: tokenOf(number), identifier: number }, origin).delivery,
    )
    scene.upstream.answer(badToken)
    scene.report(origin)
    scene.relay.ended(origin)
    return { scene, copies, again: scene.open(2) }
  }

  t.test('a resend waits for the outcome of its first copy, and is delivered with it', (t) => {
    const { scene, copies, again } = reportedScene()
    const seat = scene.accept({ token: tokenOf(1), identifier: 91 }, again)
    t.equal(seat.delivery.original?.ref, copies[0]?.apnsId)
    t.equal(scene.upstream.waiting.length, 2, 'not sent a second time')
    t.same(seat.settlements, [])
    t.equal(scene.relay.owned, 3)
    scene.upstream.answer(delivered)
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { rejected: 1, delivered: 1, resent: 1 })
    t.end()
  })

  t.test('a resend is rejected with its first copy, and can be reported', (t) => {
    const { scene, again } = reportedScene()
    const seat = scene.accept({ token: tokenOf(1), identifier: 91 }, again)
    scene.upstream.answer(badToken)
    t.same(seat.settlements, [rejectedAs(8, 'BadDeviceToken')])
    t.same(settled(scene), { rejected: 1, resent: 1 })
    scene.report(again)
    t.same(settled(scene), { rejected: 2, resent: 1 })
    t.end()
  })

  t.test('a resend is settled at once if its first copy has ended', (t) => {
    const { scene, again } = reportedScene()
    scene.upstream.answer(delivered)
    scene.upstream.answer(badToken)
    const one = scene.accept({ token: tokenOf(1) }, again)
    const two = scene.accept({ token: tokenOf(2) }, again)
    t.same(one.settlements, [accepted])
    t.same(two.settlements, [rejectedAs(8, 'BadDeviceToken')])
    t.same(scene.upstream.waiting, [])
    t.end()
  })

  t.test('a resend is accepted if the token of its first copy is unregistered', (t) => {
    const { scene, again } = reportedScene()
    scene.upstream.answer(gone)
    const seat = scene.accept({ token: tokenOf(1) }, again)
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { rejected: 1, unregistered: 1, resent: 1 })
    t.equal(scene.feedback.length, 1)
    t.end()
  })

  t.test('a resend expires with the first copy that it waits for', (t) => {
    const { scene, again } = reportedScene()
    const seat = scene.accept({ token: tokenOf(1) }, again)
    scene.upstream.expire()
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { rejected: 1, expired: 2 })
    t.end()
  })

  t.test('a resend is sent if its first copy has already expired', (t) => {
    const { scene, again } = reportedScene()
    scene.upstream.expire()
    const seat = scene.accept({ token: tokenOf(1) }, again)
    t.same(seat.settlements, [])
    t.equal(scene.upstream.waiting.at(-1), seat.delivery)
    t.end()
  })

  t.test('a resend of a resend waits for the first copy too', (t) => {
    const { scene, copies, again } = reportedScene()
    scene.accept({ token: tokenOf(1), identifier: 1 }, again)
    scene.accept({ token: tokenOf(2), identifier: 2 }, again)
    scene.upstream.answer(badToken)
    scene.report(again)
    const { delivery } = scene.accept({ token: tokenOf(2) }, scene.open(3))
    t.equal(delivery.original?.ref, copies[1]?.apnsId)
    scene.upstream.answerAll(delivered)
    t.same(settled(scene), { rejected: 2, delivered: 1, resent: 3 })
    t.end()
  })

  t.test('a resend has no journal entry, because its first copy has one', (t) => {
    const { scene, again } = reportedScene()
    t.equal(scene.journal.batches.length, 3)
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.journal.batches.length, 3)
    t.end()
  })

  t.test('of several processes, one journals a notification before others can refer to it', (t) => {
    const clock = new FakeClock()
    const eventLog = new MemoryEventLog(clock).join()
    eventLog.isShared = true
    const scene = sceneOf({}, { clock, eventLog, processName: '' })
    const origin = scene.open(1)
    const again = scene.open(2)
    scene.accept({ token: tokenOf(0), identifier: 0 }, origin)
    scene.accept({ token: tokenOf(1), identifier: 1 }, origin)
    scene.upstream.answer(badToken)
    scene.report(origin)
    eventLog.isLate = true
    const append = eventLog.append.bind(eventLog)
    const referred: string[] = []
    eventLog.append = (event) => {
      if (event.kind === 'arrived') referred.push(...(event.refs ?? ['a resend']))
      t.equal(scene.journal.unsettled, 1 + referred.length)
      append(event)
    }
    scene.accept({ token: tokenOf(2), identifier: 2 }, origin)
    scene.accept({ token: tokenOf(1), identifier: 1 }, again)
    t.strictSame(referred, ['id 3', 'a resend'])
    eventLog.apply()
    t.equal(scene.journal.unsettled, 2, 'a resend has left the journal')
    t.end()
  })

  t.test('a notification without identifier is no resend, and is not remembered', (t) => {
    const { scene, again } = reportedScene()
    scene.accept({ command: 0, identifier: undefined, token: tokenOf(1) }, again)
    t.equal(scene.upstream.waiting.length, 3)
    scene.accept({ token: tokenOf(7), identifier: 7 }, again)
    scene.accept({ command: 0, identifier: undefined, token: tokenOf(8) }, again)
    scene.upstream.answerAll(badToken)
    scene.report(again)
    scene.accept({ token: tokenOf(8) }, scene.open(3))
    t.same(scene.upstream.waiting, [], 'its token is known to be bad')
    t.match(settled(scene), { untold: 2 })
    t.end()
  })

  t.test('a sender that resends on another connection counts as one that resends', (t) => {
    const { scene, again } = reportedScene()
    t.equal(scene.relay.isResender('sender'), false)
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.relay.isResender('sender'), true)
    t.equal(scene.relay.isResender('another'), false)
    t.end()
  })

  t.test('a sender that repeats on the same connection does not count as one that resends', (t) => {
    const scene = sceneOf()
    const origin = scene.open(1)
    scene.accept({ token: tokenOf(0), identifier: 0 }, origin)
    const behind = scene.accept({ token: tokenOf(1), identifier: 1 }, origin)
    scene.upstream.answer(badToken)
    scene.report(origin)
    const { delivery } = scene.accept({ token: tokenOf(1) }, origin)
    t.equal(delivery.original?.ref, behind.delivery.apnsId)
    t.equal(scene.relay.isResender('sender'), false)
    t.end()
  })

  t.test(
    'with a window of 0, resends are delivered again, and the sender counts as one that resends',
    (t) => {
      const { scene, again } = reportedScene({ resendWindowSeconds: 0 })
      scene.accept({ token: tokenOf(1) }, again)
      t.equal(scene.upstream.waiting.length, 3)
      t.equal(scene.relay.isResender('sender'), true)
      scene.upstream.answerAll(delivered)
      t.same(settled(scene), { rejected: 1, delivered: 3 })
      t.end()
    },
  )

  t.test('a notification that was refused unread matches nothing, in front or behind', (t) => {
    const scene = sceneOf()
    const origin = scene.open(1)
    scene.take(
      [
        refused(1, undefined, 'missing-token'),
        notification({ token: tokenOf(9), identifier: 1 }),
        notification({ token: tokenOf(0), identifier: 2 }),
        refused(1, 3, 'missing-token'),
        notification({ token: tokenOf(1), identifier: 4 }),
      ],
      origin,
    )
    scene.upstream.answer(delivered)
    scene.upstream.answer(badToken)
    scene.report(origin)
    const again = scene.open(2)
    scene.accept({ token: tokenOf(9) }, again)
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.upstream.waiting.length, 3, 'what stood in front begins a new run')
    t.end()
  })

  t.test('after a new run, nothing more is remembered behind the report', (t) => {
    const scene = sceneOf()
    const origin = scene.open(1)
    scene.accept({ token: tokenOf(0) }, origin)
    scene.upstream.answer(tooLarge)
    scene.report(origin)
    scene.accept({ token: tokenOf(0) }, scene.open(2))
    scene.accept({ token: tokenOf(1) }, origin)
    scene.accept({ token: tokenOf(1) }, scene.open(3))
    t.equal(scene.upstream.waiting.length, 3)
    t.end()
  })

  t.test('after the window, a repetition is delivered', (t) => {
    const { scene, again } = reportedScene({ resendWindowSeconds: 3 })
    scene.clock.advance(3000)
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.upstream.waiting.length, 3)
    t.end()
  })
  t.end()
})

t.test('another policy', (t) => {
  const policy: RoutePolicy = {
    topic: 'com.example.other',
    unregistered: 'feedback',
    retryForSeconds: 100,
    resendWindowSeconds: 10,
  }
  const limits = { maxEntries: 100, maxBytes: 1e9 }

  t.test('applies from the next notification on', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.relay.reconfigure(policy, limits)
    scene.accept()
    t.match(scene.upstream.waiting, [
      { request: { topic: 'com.example.app' } },
      { request: { topic: 'com.example.other' }, giveUpAtMs: scene.clock.now() + 100_000 },
    ])
    t.end()
  })

  /** Whether a resend is sent to APNs, `afterMs` after the EOF of the reported connection. */
  const isSentAgain = (before: number, after: number, afterMs: number): boolean => {
    const scene = sceneOf({ resendWindowSeconds: before })
    scene.relay.reconfigure({ ...policy, resendWindowSeconds: after }, limits)
    const origin = scene.open(1)
    scene.accept({ token: tokenOf(0), identifier: 0 }, origin)
    scene.accept({ token: tokenOf(1), identifier: 1 }, origin)
    scene.upstream.answer(badToken)
    scene.report(origin)
    scene.relay.ended(origin)
    scene.clock.advance(afterMs)
    scene.accept({ token: tokenOf(1) }, scene.open(2))
    return scene.upstream.waiting.length === 2
  }

  t.test('can switch the recognition of resends on or off, and change its window', (t) => {
    t.equal(isSentAgain(10, 0, 0), true)
    t.equal(isSentAgain(0, 3, 0), false)
    t.equal(isSentAgain(10, 3, 2999), false)
    t.equal(isSentAgain(10, 3, 3000), true)
    t.end()
  })
  t.end()
})

t.test('rejects a known bad token for an hour without a request', (t) => {
  const scene = sceneOf()
  scene.accept()
  scene.upstream.answer(badToken)
  scene.clock.advance(3_599_999)
  const known = scene.accept()
  t.same(known.settlements, [rejectedAs(8, 'BadDeviceToken')])
  t.same(scene.upstream.waiting, [])
  t.equal(blamed(scene), 2)
  scene.clock.advance(1)
  scene.accept()
  t.equal(scene.upstream.waiting.length, 1)
  t.end()
})

t.test('does not remember the token if APNs rejects the notification for another reason', (t) => {
  const scene = sceneOf()
  scene.accept()
  scene.upstream.answer(tooLarge)
  scene.accept()
  t.equal(scene.upstream.waiting.length, 1)
  t.end()
})

t.test('loops', (t) => {
  /** How often a sender that resends gets an error response; `others` share the identifier. */
  const told = (scene: Scene, times: number, others = 0): number => {
    let count = 0
    for (let connection = 1; connection <= times; connection++) {
      const origin = scene.open(connection)
      const seat = scene.accept({ identifier: 0 }, origin)
      for (const number of numbers(others, 1 + connection * others))
        scene.accept({ identifier: 0, token: tokenOf(number) }, origin)
      if (scene.upstream.waiting[0] === seat.delivery) scene.upstream.answer(badToken)
      if (seat.settlements[0]?.kind === 'rejected') {
        count++
        scene.report(origin)
      }
      scene.upstream.answerAll(delivered)
      scene.relay.ended(origin)
    }
    return count
  }

  t.test(
    'reports the same notification five times in a minute, then settles it without a report',
    (t) => {
      const scene = sceneOf()
      t.equal(told(scene, 8), 5)
      t.same(settled(scene), { rejected: 5, untold: 3 })
      t.equal(scene.events.filter((event) => event === 'silenced BadDeviceToken').length, 3)
      scene.clock.advance(60_000)
      t.equal(told(scene, 8), 5)
      t.end()
    },
  )

  t.test(
    'does not count an error response that was not written because of the sender’s EOF',
    (t) => {
      const scene = sceneOf()
      for (let connection = 1; connection <= 6; connection++) {
        const origin = scene.open(connection)
        scene.accept({ identifier: 0 }, origin)
        if (scene.upstream.waiting.length > 0) scene.upstream.answer(badToken)
        scene.relay.announce(origin, 8)
        scene.relay.ended(origin)
      }
      t.equal(told(scene, 8), 5)
      t.end()
    },
  )

  t.test('reports a notification with an ambiguous identifier once', (t) => {
    const scene = sceneOf()
    t.equal(told(scene, 8, 1), 1)
    t.match(settled(scene), { rejected: 1, untold: 7 })
    t.end()
  })

  t.test('counts a notification that was refused unread by sender, identifier and reason', (t) => {
    const scene = sceneOf()
    const refuse = (
      connection: number,
      identifier: number,
      code: RefusalCode = 'invalid-token-size',
    ): readonly object[] => {
      const origin = scene.open(connection)
      const [seat] = scene.take([refused(1, identifier, code)], origin)
      const settlements = seat?.settlements ?? []
      if (settlements[0]?.kind === 'rejected') scene.report(origin)
      return settlements
    }
    for (let connection = 1; connection <= 5; connection++)
      t.match(refuse(connection, 3), [{ kind: 'rejected' }])
    t.same(refuse(6, 3), [accepted])
    t.match(refuse(7, 4), [{ kind: 'rejected' }])
    t.match(refuse(8, 3, 'missing-payload'), [{ kind: 'rejected' }])
    t.end()
  })
  t.end()
})

function rejectedFor(reason: string): Outcome {
  return { kind: 'rejected', reason, amendment: undefined }
}
