import t from 'tap'
import type { Outcome } from '../../src/apns/outcome.ts'
import { refused, type RefusalCode } from '../../src/binary/notification.ts'
import type { Delivery } from '../../src/relay/delivery.ts'
import { accepted } from '../../src/relay/lane.ts'
import { ConnectionState } from '../../src/relay/connection-state.ts'
import type { JournalEntry } from '../../src/relay/relay-journal.ts'
import type { RelayPolicy } from '../../src/relay/relay-policy.ts'
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
const later: Outcome = { kind: 'unavailable', reason: 'ServiceUnavailable', retry: 'later' }
const now: Outcome = { kind: 'unavailable', reason: 'Shutdown', retry: 'now' }
const forbidden: Outcome = { kind: 'credential', reason: 'Forbidden' }
const gone: Outcome = { kind: 'unregistered', reason: 'Unregistered', timestamp: 7 }
const tooLarge: Outcome = { kind: 'rejected', reason: 'PayloadTooLarge', amendment: undefined }

/** The counts that are not 0. */
function settled({ relay }: Scene): Partial<RouteCounters['settled']> {
  return Object.fromEntries(Object.entries(relay.counters.settled).filter(([, count]) => count > 0))
}

/** As many with different tokens; each by its own number. */
function acceptMany({ accept }: Scene, count: number, from = 0): Seen[] {
  return numbers(count, from).map((number) =>
    accept({ token: tokenOf(number), identifier: number }),
  )
}

/** The same, by one read. */
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

/** How many rejections were blamed on the notification. */
function blamed({ relay }: Scene): number {
  return Object.values(relay.counters.rejections).reduce((sum, count) => sum + count, 0)
}

function numbers(count: number, from: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}

t.test('a notification is owned until it is delivered, in silence', (t) => {
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

t.test('a rejected one is settled only when it was told, or cannot be any more', (t) => {
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
})

t.test('what no provider API would take is rejected without asking one', (t) => {
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

t.test('how long a rejected one waited for its error response is counted', (t) => {
  const scene = sceneOf()
  const origin = scene.open(1)
  scene.accept({}, origin)
  scene.upstream.answer(badToken)
  scene.clock.advance(30)
  scene.report(origin)
  t.equal(scene.relay.counters.errorResponseLatency.sumMs, 30)
  t.end()
})

t.test('a rejection behind the named one awaits its resend', (t) => {
  /** 1 is told, 2 is rejected behind it, and its sender has closed. */
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

  t.test('which is told in its place: it counts once', (t) => {
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

  t.test('for the resend window after the EOF, then it is untold', (t) => {
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

  t.test('25 in a row, one told each time, count as 25, and are said once each', (t) => {
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
  })
  t.end()
})

t.test('resolves once nothing is owned', async (t) => {
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

t.test(
  'a trace follows every notification by its apns-id, a route without one asks nothing',
  (t) => {
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
  },
)

t.test('retries', (t) => {
  t.test('is sent again after a pause, with the same apns-id', (t) => {
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
    t.equal(scene.relay.counters.retries, 2)
    t.same(scene.events, ['retried ServiceUnavailable 250', 'retried ServiceUnavailable 500'])
    t.same(settled(scene), { delivered: 1 })
    t.end()
  })

  t.test('is sent again at once where it was not touched', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(now)
    t.equal(scene.upstream.waiting[0]?.request.apnsId, 'id 1')
    t.end()
  })

  t.test('not before Retry-After', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer({ ...later, retryAfterMs: 7000 })
    scene.clock.advance(6999)
    t.same(scene.upstream.waiting, [])
    scene.clock.advance(1)
    t.equal(scene.upstream.waiting.length, 1)
    t.end()
  })

  t.test('expiration 0 is given up after a minute', (t) => {
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

  t.test('is given up at once where Retry-After says longer than it is worth', (t) => {
    const scene = sceneOf()
    scene.accept({ expiration: 0 })
    scene.upstream.answer({ ...later, retryAfterMs: 60_000 })
    t.same(settled(scene), { expired: 1 })
    t.end()
  })

  t.test('every one is given up after retryForSeconds', (t) => {
    const scene = sceneOf({ retryForSeconds: 100 })
    scene.accept({ command: 0, identifier: undefined, expiration: undefined })
    t.equal(scene.upstream.waiting[0]?.giveUpAtMs, scene.clock.now() + 100_000)
    t.end()
  })

  t.test('what expires in the queue is settled as expired', (t) => {
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
    t.test(`${reason}: sent once more ${amendment}, then it is to blame`, (t) => {
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
  t.test('is nobody’s fault: the route is down, everything is kept', (t) => {
    const scene = sceneOf()
    const seats = acceptMany(scene, 3)
    scene.upstream.answerAll(forbidden)
    t.equal(scene.relay.downReason, 'Forbidden')
    t.ok(scene.upstream.calls.every((call) => call === 'distrust'))
    t.equal(scene.upstream.waiting.length, 3, 'waiting to be tried')
    t.ok(seats.every(({ settlements }) => settlements.length === 0))
    t.same(scene.events, ['down Forbidden'], 'said once')
    t.equal(scene.relay.owned, 3)
    t.end()
  })

  for (const [what, outcome] of Object.entries({ delivered, gone, tooLarge, badToken }))
    t.test(`works again with the first answer about a notification: ${what}`, (t) => {
      const scene = sceneOf()
      scene.accept()
      scene.upstream.answer(forbidden)
      scene.upstream.answer(outcome)
      t.equal(scene.relay.downReason, undefined)
      t.same(scene.upstream.calls, ['distrust', 'trust'])
      t.match(scene.events, ['down Forbidden', /./])
      t.ok(scene.events.includes('up'))
      t.end()
    })

  t.test('an outage says nothing about it', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(forbidden)
    scene.upstream.answer(later)
    t.equal(scene.relay.downReason, 'Forbidden')
    t.end()
  })

  t.test('refused before any request, the route is down as well', (t) => {
    const scene = sceneOf()
    scene.relay.refused('certificate expired')
    scene.relay.refused('certificate expired')
    t.equal(scene.relay.downReason, 'certificate expired')
    t.same(scene.events, ['down certificate expired'])
    t.end()
  })

  t.test('where nothing is owned, a session that holds is the best sign of health', (t) => {
    const scene = sceneOf()
    scene.relay.refused('certificate expired')
    scene.relay.steady()
    t.equal(scene.relay.downReason, undefined)
    t.same(scene.upstream.calls, ['distrust', 'trust'])
    t.end()
  })

  t.test('a session that holds says nothing while something waits to be tried', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(forbidden)
    scene.relay.steady()
    t.equal(scene.relay.downReason, 'Forbidden')
    t.end()
  })

  t.test('when the last one it held up has expired, senders are let in again', (t) => {
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
  /** 29 are told, the others are not believed. */
  const suspected = (count = 40): { scene: Scene; seats: Seen[] } => {
    const scene = sceneOf()
    const seats = acceptMany(scene, count)
    scene.upstream.answerAll(badToken)
    return { scene, seats }
  }

  t.test('30 different tokens in a row: the route is down, and no more are blamed', (t) => {
    const { scene, seats } = suspected()
    t.match(scene.relay.downReason, /^BadDeviceToken for every token/)
    t.equal(seats.filter(({ settlements }) => settlements.length > 0).length, 29)
    t.equal(blamed(scene), 29)
    t.equal(scene.upstream.waiting.length, 11)
    t.equal(scene.events.filter((event) => event.startsWith('down')).length, 1)
    t.end()
  })

  t.test('a delivery clears it: the others are tried again, and believed', (t) => {
    const { scene } = suspected()
    scene.upstream.answer(delivered)
    t.equal(scene.relay.downReason, undefined)
    scene.upstream.answerAll(badToken)
    t.same(settled(scene), { delivered: 1 })
    t.equal(blamed(scene), 39)
    t.end()
  })

  t.test('only a delivery does: other rejections let nobody be blamed', (t) => {
    const { scene } = suspected()
    scene.upstream.answer(tooLarge)
    scene.upstream.answer(gone)
    t.match(scene.relay.downReason, /^BadDeviceToken/)
    t.notOk(scene.upstream.calls.includes('trust'))
    t.end()
  })

  t.test('after five minutes they are believed', (t) => {
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

  t.test('those blamed before are asked for again, not refused from memory', (t) => {
    const { scene } = suspected()
    scene.upstream.answer(delivered)
    const waiting = scene.upstream.waiting.length
    const seat = scene.accept({ token: tokenOf(0) })
    t.same(seat.settlements, [])
    t.equal(scene.upstream.waiting.length, waiting + 1)
    t.end()
  })

  t.test('a session that holds takes nothing back while the route is up', (t) => {
    const scene = sceneOf()
    acceptMany(scene, 29)
    scene.upstream.answerAll(badToken)
    scene.relay.steady()
    acceptMany(scene, 1, 29)
    scene.upstream.answer(badToken)
    t.match(scene.relay.downReason, /^BadDeviceToken for every token/)
    t.end()
  })

  t.test('when all has expired, senders are let in again', (t) => {
    const { scene, seats } = suspected(30)
    const [seat] = seats
    if (seat?.delivery.source instanceof ConnectionState) scene.relay.ended(seat.delivery.source)
    scene.upstream.expire()
    t.equal(scene.relay.downReason, undefined)
    t.end()
  })
  t.end()
})

t.test('feedback', (t) => {
  t.test('a token that is gone is accepted, and named by the feedback service', (t) => {
    const scene = sceneOf()
    const seat = scene.accept()
    scene.upstream.answer({ ...gone, timestamp: 1_617_000_000 })
    t.same(seat.settlements, [accepted])
    t.same(scene.feedback, [`add ${aa} 1617000000`])
    t.same(settled(scene), { unregistered: 1 })
    t.same(scene.events, ['unregistered Unregistered'])
    t.end()
  })

  t.test('where APNs does not say since when, it is now', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.clock.advance(999)
    scene.upstream.answer({ ...gone, timestamp: undefined })
    t.same(scene.feedback, [`add ${aa} 1617148800`])
    t.end()
  })

  t.test('a sender that never reads it is told at once, with status 8', (t) => {
    const scene = sceneOf({ unregistered: 'error' })
    const seat = scene.accept()
    scene.upstream.answer(gone)
    t.same(seat.settlements, [rejectedAs(8, 'Unregistered')])
    t.same(scene.feedback, [])
    t.equal(blamed(scene), 1)
    t.end()
  })

  t.test('a token that was delivered to is dropped from it', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(delivered)
    t.same(scene.feedback, [`drop ${aa}`])
    t.end()
  })
  t.end()
})

t.test('journal', (t) => {
  t.test('what one read brought is one entry, written before it is sent', (t) => {
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

  t.test('what is refused at once is never written', (t) => {
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

  t.test('over retries it stays written', (t) => {
    const scene = sceneOf()
    scene.accept()
    scene.upstream.answer(now)
    t.equal(scene.journal.batches.length, 1)
    t.equal(scene.journal.unsettled, 1)
    t.end()
  })

  t.test('what an earlier process left behind is sent with its apns-id, and settled', (t) => {
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

  t.test('its time limit counts from when it was received', (t) => {
    const scene = sceneOf()
    const receivedAtMs = scene.clock.now() - 50_000
    const entry = leftBehind(scene, { receivedAtMs, notification: notification({ expiration: 0 }) })
    scene.relay.recover(entry, () => undefined)
    t.equal(scene.upstream.waiting[0]?.giveUpAtMs, receivedAtMs + 60_000)
    t.end()
  })

  t.test('its rejection can be told to nobody', (t) => {
    const scene = sceneOf()
    let settledCount = 0
    scene.relay.recover(leftBehind(scene), () => settledCount++)
    scene.upstream.answer(badToken)
    t.equal(settledCount, 1)
    t.same(settled(scene), { untold: 1 })
    t.end()
  })

  t.test('one that makes no request any more is settled', (t) => {
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
  /** Connection 1 was told of its first notification; `copies` stand behind it, unanswered. */
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

  t.test('one whose first copy is in flight waits for the same outcome: delivered', (t) => {
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

  t.test('one whose first copy is rejected is rejected as well, and can be told now', (t) => {
    const { scene, again } = reportedScene()
    const seat = scene.accept({ token: tokenOf(1), identifier: 91 }, again)
    scene.upstream.answer(badToken)
    t.same(seat.settlements, [rejectedAs(8, 'BadDeviceToken')])
    t.same(settled(scene), { rejected: 1, resent: 1 })
    scene.report(again)
    t.same(settled(scene), { rejected: 2, resent: 1 })
    t.end()
  })

  t.test('one whose first copy is over already is settled at once', (t) => {
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

  t.test('one whose first copy has gone is silent', (t) => {
    const { scene, again } = reportedScene()
    scene.upstream.answer(gone)
    const seat = scene.accept({ token: tokenOf(1) }, again)
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { rejected: 1, unregistered: 1, resent: 1 })
    t.equal(scene.feedback.length, 1)
    t.end()
  })

  t.test('one whose first copy expires while it waits expires with it', (t) => {
    const { scene, again } = reportedScene()
    const seat = scene.accept({ token: tokenOf(1) }, again)
    scene.upstream.expire()
    t.same(seat.settlements, [accepted])
    t.same(settled(scene), { rejected: 1, expired: 2 })
    t.end()
  })

  t.test('one whose first copy has expired is a new chance', (t) => {
    const { scene, again } = reportedScene()
    scene.upstream.expire()
    const seat = scene.accept({ token: tokenOf(1) }, again)
    t.same(seat.settlements, [])
    t.equal(scene.upstream.waiting.at(-1), seat.delivery)
    t.end()
  })

  t.test('resends of resends wait for the first copy, too', (t) => {
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

  t.test('a resend is not journaled: its first copy is', (t) => {
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

  t.test('without an identifier nothing is resent, nor remembered', (t) => {
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

  t.test('a sender that resends on another connection listens', (t) => {
    const { scene, again } = reportedScene()
    t.equal(scene.relay.listens('sender'), false)
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.relay.listens('sender'), true)
    t.equal(scene.relay.listens('another'), false)
    t.end()
  })

  t.test('one that repeats itself on the same connection need not', (t) => {
    const scene = sceneOf()
    const origin = scene.open(1)
    scene.accept({ token: tokenOf(0), identifier: 0 }, origin)
    const behind = scene.accept({ token: tokenOf(1), identifier: 1 }, origin)
    scene.upstream.answer(badToken)
    scene.report(origin)
    const { delivery } = scene.accept({ token: tokenOf(1) }, origin)
    t.equal(delivery.original?.ref, behind.delivery.apnsId)
    t.equal(scene.relay.listens('sender'), false)
    t.end()
  })

  t.test('with a window of 0 they are delivered again, and still seen to listen', (t) => {
    const { scene, again } = reportedScene({ resendWindowSeconds: 0 })
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.upstream.waiting.length, 3)
    t.equal(scene.relay.listens('sender'), true)
    scene.upstream.answerAll(delivered)
    t.same(settled(scene), { rejected: 1, delivered: 3 })
    t.end()
  })

  t.test(
    'what was refused unread can be in front or behind, and is nothing to compare with',
    (t) => {
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
    },
  )

  t.test('behind a report that a new run has ended, nothing is remembered any more', (t) => {
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

  t.test('when the window is over, a repeat is wanted', (t) => {
    const { scene, again } = reportedScene({ resendWindowSeconds: 3 })
    scene.clock.advance(3000)
    scene.accept({ token: tokenOf(1) }, again)
    t.equal(scene.upstream.waiting.length, 3)
    t.end()
  })
  t.end()
})

t.test('another policy', (t) => {
  const policy: RelayPolicy = {
    topic: 'com.example.other',
    unregistered: 'feedback',
    retryForSeconds: 100,
    resendWindowSeconds: 10,
  }
  const limits = { maxEntries: 100, maxBytes: 1e9 }

  t.test('counts from the next notification on', (t) => {
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

  /** Whether it is sent again, `afterMs` after the sender's EOF behind an error response. */
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

  t.test('may begin or cease to hold resends back, and for how long', (t) => {
    t.equal(isSentAgain(10, 0, 0), true)
    t.equal(isSentAgain(0, 3, 0), false)
    t.equal(isSentAgain(10, 3, 2999), false)
    t.equal(isSentAgain(10, 3, 3000), true)
    t.end()
  })
  t.end()
})

t.test('a bad token is refused from memory for an hour', (t) => {
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

t.test('what is wrong with the notification is not held against its token', (t) => {
  const scene = sceneOf()
  scene.accept()
  scene.upstream.answer(tooLarge)
  scene.accept()
  t.equal(scene.upstream.waiting.length, 1)
  t.end()
})

t.test('loops', (t) => {
  /** As a sender that resends what was named, beside `others` of its number: how often it is told. */
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

  t.test('the same one is told five times within a minute, then settled in silence', (t) => {
    const scene = sceneOf()
    t.equal(told(scene, 8), 5)
    t.same(settled(scene), { rejected: 5, untold: 3 })
    t.equal(scene.events.filter((event) => event === 'silenced BadDeviceToken').length, 3)
    scene.clock.advance(60_000)
    t.equal(told(scene, 8), 5)
    t.end()
  })

  t.test('an error response that the sender’s EOF came before is not counted', (t) => {
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
  })

  t.test('where its identifier stands for several, it is told once', (t) => {
    const scene = sceneOf()
    t.equal(told(scene, 8, 1), 1)
    t.match(settled(scene), { rejected: 1, untold: 7 })
    t.end()
  })

  t.test('one that no request was made of is counted by sender, identifier and reason', (t) => {
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
