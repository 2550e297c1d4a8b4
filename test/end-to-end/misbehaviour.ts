/** Peers that misbehave do not harm senders that do not; `npm run misbehaviour` plays all of them. */
import t from 'tap'
import { providerMoods } from '../misbehaviour/provider-moods.ts'
import { play } from '../misbehaviour/run.ts'
import { Scene } from '../misbehaviour/scene.ts'
import { senderMoods } from '../misbehaviour/sender-moods.ts'

/** A few of each kind, which take little time. */
const chosen = [
  '20,000 SETTINGS',
  'CONTINUATION without end',
  'a table size update beyond the limit',
  'DATA on a stream that has ended',
  'a window that shrinks below nothing and grows again',
  'no stream at a time, for ever',
  'no window for streams, for ever',
  'no SETTINGS',
  ':status 1000',
  'a 200 whose body never ends',
  'answers byte by byte',
  'REFUSED_STREAM for the first 20 requests',
  'Retry-After: 999999999',
  'GOAWAY with each error code, one for each connection',
  'FIN after each answer',
  'a certificate of another host',
  'no common protocol in ALPN',
  '200 connections without a byte',
  'resumption of one TLS session, 20 times',
  'a frame of 4 GiB',
  'a reset inside a notification, 50 times',
  'an error response that is never read',
  'one identifier for 1,000 notifications',
]

const scene = await Scene.open()
t.teardown(() => scene.close())
const moods = [...providerMoods, ...senderMoods]

for (const name of chosen)
  t.test(`${name}: all others are served`, async (t) => {
    const mood = moods.find(({ mood }) => mood === name)
    if (mood === undefined) throw new TypeError('there is no such mood')
    const { expected, delivered, doubled, faults } = await play(scene, mood)
    t.strictSame(faults, [])
    t.strictSame({ delivered, doubled }, { delivered: expected, doubled: 0 })
  })
