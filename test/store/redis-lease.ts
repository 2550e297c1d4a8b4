/** What a process does about the journals of others, before a Redis that answers when a test likes. */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { JournalEntryEncoder } from '../../src/store/journal-entry.ts'
import type { Reply } from '../../src/store/redis-dialler.ts'
import { RedisJournal } from '../../src/store/redis-journal.ts'
import { redisKeys } from '../../src/store/redis-key.ts'
import { RedisLease } from '../../src/store/redis-lease.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { numberedRecord } from './conformance.ts'

const entry = new JournalEntryEncoder().encode('app', [numberedRecord(7)])

t.test('a journal that takes long to read is taken up once', async (t) => {
  const clock = new FakeClock()
  const pages: ((reply: Reply) => void)[] = []
  let owners: Reply[] = []
  const answers: Record<string, () => Reply | Promise<Reply>> = {
    SET: () => '1',
    HGETALL: () => owners,
    HKEYS: () => [],
    HLEN: () => 0,
    HSCAN: () => new Promise((resolve) => pages.push(resolve)),
    EVAL: () => {
      owners = owners.map((one) => (one === '' ? 'heir' : one))
      return 1
    },
  }
  const link = {
    isUp: true,
    isConnected: true,
    resume: () => Promise.resolve(),
    send: async ([name, , ...args]: readonly (string | Buffer)[]): Promise<Reply> => {
      if (name === 'HSETNX') owners.push(...args)
      return (await answers[String(name)]?.()) ?? null
    },
  }
  const common = { link, keys: redisKeys('test'), process: 'heir', clock }
  const journal = new RedisJournal({ ...common, maxUnwritten: 10, damaged: () => t.fail() })
  const lease = new RedisLease({ ...common, journal })
  const heard: unknown[] = []
  journal.claimed(({ record }) => heard.push(record.notification.identifier))
  await lease.resume()
  owners.push('1-left', '')
  for (let beats = 0; beats < 4; beats++) {
    clock.advance(2000)
    await setImmediate()
  }
  t.equal(pages.length, 1, 'the lease is renewed meanwhile, and that is all')
  for (const page of pages) page(['0', [Buffer.from('1'), entry]])
  await setImmediate()
  t.strictSame(heard, [7])
  t.equal(journal.unsettled, 1)
})
