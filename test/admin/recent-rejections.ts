/** The last rejections: which are kept, and that nothing is kept that must not be shown. */
import t from 'tap'
import { RecentRejections } from '../../src/admin/recent-rejections.ts'
import type { DeliveryRecord, RouteEvent } from '../../src/relay/route-event.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { token } from '../fixtures/hex.ts'

const record: DeliveryRecord = {
  connection: 3,
  sender: 'ab12',
  identifier: 7,
  apnsId: 'id-1',
  token,
}

function rejections(): { rejections: RecentRejections; note: (event: RouteEvent) => void } {
  const rejections = new RecentRejections(new FakeClock())
  return {
    rejections,
    note: (event) => {
      rejections.note('app', event)
    },
  }
}

function rejected(reason: string, changes: Partial<DeliveryRecord> = {}): RouteEvent {
  return {
    event: 'notification.rejected',
    record: { ...record, ...changes },
    statusCode: 8,
    reason,
  }
}

t.test('what was not delivered is kept, newest first', (t) => {
  const { rejections: kept, note } = rejections()
  note(rejected('BadDeviceToken'))
  note({
    event: 'notification.silenced',
    record: { ...record, apnsId: undefined },
    statusCode: 8,
    reason: 'MissingTopic',
  })
  note({
    event: 'notification.unregistered',
    record: { ...record, apnsId: 'id-2' },
    reason: 'Unregistered',
    timestamp: 1,
  })
  note({ event: 'notification.expired', record: { ...record, apnsId: 'id-3' } })
  note({ event: 'notification.resent', record: { ...record, apnsId: 'id-4' } })
  note({ event: 'route.down', reason: 'BadCertificate' })
  note({ event: 'route.up' })
  t.strictSame(
    kept.latest.map(({ reason }) => reason),
    ['expired', 'Unregistered', 'MissingTopic', 'BadDeviceToken'],
  )
  t.end()
})

t.test('a 410 that is told on the connection is one rejection', (t) => {
  const { rejections: kept, note } = rejections()
  note({ event: 'notification.unregistered', record, reason: 'Unregistered', timestamp: 1 })
  note(rejected('Unregistered'))
  t.equal(kept.latest.length, 1)
  t.end()
})

t.test('keeps fifty, without token', (t) => {
  const { rejections: kept, note } = rejections()
  for (let n = 0; n < 60; n++) note(rejected('BadTopic', { identifier: n, apnsId: undefined }))
  t.equal(kept.latest.length, 50)
  t.equal(kept.latest[0]?.identifier, 59)
  t.notMatch(JSON.stringify(kept.latest), token)
  t.end()
})

t.test('a reason without end is cut', (t) => {
  const { rejections: kept, note } = rejections()
  note(rejected('x'.repeat(10_000)))
  t.equal(kept.latest[0]?.reason, 'x'.repeat(60))
  t.end()
})
