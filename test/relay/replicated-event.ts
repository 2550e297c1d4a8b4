/** Every event that a process appends is read as it was written, and nothing else is an event. */
import t from 'tap'
import { parseReplicatedEvent, type ReplicatedEvent } from '../../src/relay/replicated-event.ts'

const item = { key: 'key', ref: 'ref' }
const unregistered = { kind: 'unregistered', reason: 'Unregistered' } as const

const events: readonly ReplicatedEvent[] = [
  { kind: 'opened', id: 'a 1' },
  {
    kind: 'reporting',
    id: 'a 1',
    sender: 'sender',
    statusCode: 8,
    named: 'key',
    inFront: ['other'],
    behind: [
      item,
      { ...item, ending: { kind: 'delivered' } },
      { ...item, ending: { kind: 'expired' } },
      { ...item, ending: unregistered },
      { ...item, ending: { ...unregistered, timestamp: 1_700_000_000 } },
      { ...item, ending: { kind: 'rejected', reason: 'BadTopic' } },
    ],
    ambiguous: false,
    loop: 'loop',
  },
  {
    kind: 'arrived',
    id: 'a 1',
    sender: 'sender',
    order: 7,
    hasPaused: true,
    batch: 'a 2',
    keys: ['key'],
    refs: ['ref'],
  },
  { kind: 'behind', id: 'a 1', items: [item] },
  { kind: 'withdrawn', id: 'a 1', loop: 'loop' },
  { kind: 'ended', id: 'a 1' },
  { kind: 'ending', ref: 'ref', ending: { kind: 'delivered' } },
  { kind: 'bad', setup: 'setup', token: '5a', reason: 'BadDeviceToken' },
  { kind: 'elapsed' },
  { kind: 'good' },
]

for (const event of events)
  t.test(`${event.kind} survives JSON, and is no event without any one of its fields`, (t) => {
    const json = JSON.stringify(event)
    t.strictSame(parseReplicatedEvent(JSON.parse(json)), event)
    const optional = ['named', 'refs']
    for (const name of Object.keys(event).filter((name) => !optional.includes(name))) {
      for (const wrong of [undefined, null])
        t.equal(parseReplicatedEvent({ ...event, [name]: wrong }), undefined, `${name} ${wrong}`)
    }
    t.end()
  })

t.test('undefined fields are left out in JSON, and absent when read', (t) => {
  const ending: ReplicatedEvent = {
    kind: 'ending',
    ref: 'ref',
    ending: { ...unregistered, timestamp: undefined },
  }
  t.strictSame(parseReplicatedEvent(JSON.parse(JSON.stringify(ending))), {
    ...ending,
    ending: unregistered,
  })
  t.strictSame(parseReplicatedEvent(ending), ending)
  t.end()
})

t.test('a field of a later version is ignored', (t) => {
  t.strictSame(parseReplicatedEvent({ kind: 'good', why: 'later' }), { kind: 'good' })
  t.end()
})

const junk: readonly unknown[] = [
  undefined,
  null,
  'opened',
  7,
  [],
  {},
  { kind: 'later' },
  { kind: 'opened', id: 7 },
  { kind: 'behind', id: 'a', items: [{ ...item, ending: { kind: 'lost' } }] },
  { kind: 'ending', ref: 'ref', ending: { ...unregistered, timestamp: 'soon' } },
]

for (const json of junk)
  t.test(`${JSON.stringify(json)} is no event`, (t) => {
    t.equal(parseReplicatedEvent(json), undefined)
    t.end()
  })
