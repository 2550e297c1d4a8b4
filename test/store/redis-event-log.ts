/** What a process sends to the event log in Redis, and in which order. */
import t from 'tap'
import { RedisEventLog } from '../../src/store/redis-event-log.ts'
import type { Reply } from '../../src/store/redis-dialler.ts'
import { RedisJournal } from '../../src/store/redis-journal.ts'
import { redisKeys } from '../../src/store/redis-key.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { numberedRecord } from './conformance.ts'

const journal = { writeAll: () => undefined }

function damaged(): never {
  throw new Error('what is here is not damaged')
}

t.test('what was missed is appended before what came later', (t) => {
  const appended: unknown[] = []
  const link = {
    isUp: false,
    send: (args: readonly (string | Buffer)[]): Promise<Reply> => {
      const [, , , event] = JSON.parse(String(args.at(-1))) as unknown[]
      appended.push(event)
      return Promise.resolve(null)
    },
  }
  const logLink = { isUp: false, isConnected: false, send: () => Promise.resolve(null) }
  const clock = new FakeClock()
  const keys = redisKeys('test')
  const eventLog = new RedisEventLog({
    link,
    logLink,
    journal,
    keys,
    process: 'one',
    clock,
    damaged,
  })
  const heard: unknown[] = []
  eventLog.listen('app', ({ event }) => heard.push(event))
  eventLog.append('app', 'while both are away')
  link.isUp = true
  eventLog.append('app', 'while one is back')
  t.strictSame(appended, [], 'others would take an earlier number for one they have heard')
  logLink.isUp = true
  eventLog.appendMissed()
  eventLog.append('app', 'later')
  t.strictSame(appended, ['while both are away', 'while one is back', 'later'])
  t.strictSame(heard, ['while both are away', 'while one is back'])
  eventLog.close()
  t.end()
})

t.test(
  'what is appended while Redis is away is applied once, in order, however much it is',
  (t) => {
    const link = { isUp: false, isConnected: false, send: () => Promise.resolve(null) }
    const clock = new FakeClock()
    const keys = redisKeys('test')
    const deps = { link, logLink: link, journal, keys, process: 'one', clock, damaged }
    const eventLog = new RedisEventLog(deps)
    const heard: unknown[] = []
    eventLog.listen('app', ({ event, position }) => {
      heard.push(event)
      if (position !== heard.length) t.fail('a position was passed over')
      if (event === 0) eventLog.append('app', 'an answer')
    })
    const numbers = Array.from({ length: 40_000 }, (_, number) => number)
    for (const number of numbers) eventLog.append('app', number)
    t.strictSame(heard, [0, 'an answer', ...numbers.slice(1)])
    eventLog.close()
    t.end()
  },
)

t.test('who listens again is told what came while nobody did', (t) => {
  const link = { isUp: false, isConnected: false, send: () => Promise.resolve(null) }
  const clock = new FakeClock()
  const keys = redisKeys('test')
  const deps = { link, logLink: link, journal, keys, process: 'one', clock, damaged }
  const eventLog = new RedisEventLog(deps)
  const heard: unknown[] = []
  const end = eventLog.listen('app', ({ event }) => heard.push(event))
  eventLog.append('app', 1)
  end()
  eventLog.append('app', 2)
  t.strictSame(heard, [1])
  eventLog.listen('app', ({ event }) => heard.push(event))
  t.strictSame(heard, [1, 2])
  eventLog.close()
  t.end()
})

t.test('what is put into the journal is sent before an event, however much is under way', (t) => {
  const sent: string[] = []
  const send = ([name, , field]: readonly (string | Buffer)[]): Promise<Reply> => {
    sent.push(name === 'HSET' ? `HSET ${String(field)}` : String(name))
    return new Promise(() => undefined)
  }
  const link = { isUp: true, isConnected: true, send }
  const clock = new FakeClock()
  const keys = redisKeys('test')
  const damaged = (): unknown => t.fail()
  const journal = new RedisJournal({ link, keys, clock, maxUnwritten: 10, damaged })
  const deps = { link, logLink: link, journal, keys, process: 'one', clock, damaged }
  const eventLog = new RedisEventLog(deps)
  const { notification, ...rest } = numberedRecord(0)
  const large = { ...rest, notification: { ...notification, payload: Buffer.alloc(5_000_000) } }
  journal.put('app', [large])
  eventLog.append('app', 'first')
  journal.put('app', [numberedRecord(1)])
  eventLog.append('app', 'second')
  journal.put('app', [numberedRecord(2)])
  t.strictSame(sent, ['HSET 1', 'XADD', 'HSET 2', 'XADD'])
  eventLog.close()
  journal.close()
  t.end()
})

t.test('a malformed entry is counted as damage, and the next entry is applied', async (t) => {
  const junk = [
    'no JSON',
    'null',
    '{}',
    '"text"',
    '["two"]',
    '["two","1","app",0]',
    '[2,1,"app",0]',
  ]
  const texts = [...junk, '["two",1,"app","after junk"]']
  const entries = texts.map((text, at): Reply => [`1-${at}`, [Buffer.from('e'), Buffer.from(text)]])
  let streams: Reply = [['events', entries]]
  const logLink = {
    isUp: true,
    isConnected: true,
    send: (): Promise<Reply> => {
      const reply = streams
      streams = null
      logLink.isUp = reply !== null
      return Promise.resolve(reply)
    },
  }
  let malformed = 0
  const eventLog = new RedisEventLog({
    link: logLink,
    logLink,
    journal,
    keys: redisKeys('test'),
    process: 'one',
    clock: new FakeClock(),
    damaged: () => {
      malformed++
    },
  })
  const heard: unknown[] = []
  eventLog.listen('app', ({ event }) => heard.push(event))
  await eventLog.read()
  t.equal(malformed, junk.length)
  t.strictSame(heard, ['after junk'])
  eventLog.close()
})
