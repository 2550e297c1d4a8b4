/** The last rejections: which are kept, and that nothing is kept that must not be shown. */
import t from 'tap'
import { Rejections } from '../../src/admin/rejections.ts'
import type { DeliveryRecord, RelayObserver } from '../../src/relay/relay.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { token } from '../fixtures/hex.ts'

const record: DeliveryRecord = {
  connection: 3,
  sender: 'ab12',
  identifier: 7,
  apnsId: 'id-1',
  token,
}

/** An observer that notes what it hears, with rejections listening in. */
function listenIn(): { rejections: Rejections; observer: RelayObserver; heard: string[] } {
  const heard: string[] = []
  const note = (name: string) => (): void => {
    heard.push(name)
  }
  const rejections = new Rejections(new FakeClock())
  const observer = rejections.through('app', {
    trace: undefined,
    rejected: note('rejected'),
    silenced: note('silenced'),
    unregistered: note('unregistered'),
    resent: note('resent'),
    expired: note('expired'),
    down: note('down'),
    up: note('up'),
  })
  return { rejections, observer, heard }
}

function rejection(reason: string): Parameters<RelayObserver['rejected']>[1] {
  return { kind: 'rejected', statusCode: 8, reason }
}

t.test('everything is told on, and what was not delivered is kept, newest first', (t) => {
  const { rejections, observer, heard } = listenIn()
  observer.rejected(record, rejection('BadDeviceToken'))
  observer.silenced({ ...record, apnsId: undefined }, rejection('MissingTopic'))
  observer.unregistered({ ...record, apnsId: 'id-2' }, 'Unregistered', 1)
  observer.expired({ ...record, apnsId: 'id-3' })
  observer.down('BadCertificate')
  observer.up()
  t.strictSame(heard, ['rejected', 'silenced', 'unregistered', 'expired', 'down', 'up'])
  t.strictSame(
    rejections.latest.map(({ reason }) => reason),
    ['expired', 'Unregistered', 'MissingTopic', 'BadDeviceToken'],
  )
  t.end()
})

t.test('a 410 that is told on the connection is one rejection', (t) => {
  const { rejections, observer } = listenIn()
  observer.unregistered(record, 'Unregistered', 1)
  observer.rejected(record, rejection('Unregistered'))
  t.equal(rejections.latest.length, 1)
  t.end()
})

t.test('keeps fifty, without token', (t) => {
  const { rejections, observer } = listenIn()
  for (let n = 0; n < 60; n++)
    observer.rejected({ ...record, identifier: n, apnsId: undefined }, rejection('BadTopic'))
  t.equal(rejections.latest.length, 50)
  t.equal(rejections.latest[0]?.identifier, 59)
  t.notMatch(JSON.stringify(rejections.latest), token)
  t.end()
})

t.test('a reason without end is cut', (t) => {
  const { rejections, observer } = listenIn()
  observer.rejected(record, rejection('x'.repeat(10_000)))
  t.equal(rejections.latest[0]?.reason, 'x'.repeat(60))
  t.end()
})
