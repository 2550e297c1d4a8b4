/** Journal entries as bytes. */
import fc from 'fast-check'
import t from 'tap'
import { decodeJournalEntry, JournalEntryEncoder } from '../../src/store/journal-entry.ts'
import { numberedRecord } from './conformance.ts'

const encoder = new JournalEntryEncoder()
const record = {
  apnsId: '00000000-0000-4000-8000-000000000001',
  receivedAtMs: 2,
  notification: {
    kind: 'notification',
    command: 1,
    identifier: 0x01020304,
    token: Buffer.from('aabb', 'hex'),
    payload: Buffer.from('{}'),
    expiration: undefined,
    priority: 10,
  },
} as const
const bytes = [
  '01000000',
  '24000000',
  '03',
  '617070',
  Buffer.from(record.apnsId).toString('hex'),
  '15',
  '0000000000000040',
  '04030201',
  '00000000',
  '0a',
  '24',
  '02',
  '02000000',
  'aabb',
  '7b7d',
].join('')

t.test('writes a record as the drawing says, and reads it back', (t) => {
  t.equal(encoder.encode('app', [record]).toString('hex'), bytes)
  t.strictSame(decodeJournalEntry(Buffer.from(bytes, 'hex')), { route: 'app', records: [record] })
  t.end()
})

t.test('owns what it has read', (t) => {
  const entry = Buffer.from(bytes, 'hex')
  const { records } = decodeJournalEntry(entry)
  entry.fill(0)
  t.strictSame(records, [record])
  t.end()
})

t.test('calls everything that is cut off or longer a range error', (t) => {
  const records = [1, 2, 3].map(numberedRecord)
  const entry = encoder.encode('app', records)
  for (let length = 0; length < entry.length; length++)
    t.throws(() => decodeJournalEntry(entry.subarray(0, length)), RangeError)
  t.throws(() => decodeJournalEntry(Buffer.concat([entry, Buffer.alloc(1)])), RangeError)
  t.end()
})

t.test('calls a time of arrival that is no number a range error', (t) => {
  for (const receivedAtMs of [NaN, Infinity, -Infinity]) {
    const entry = encoder.encode('app', [{ ...record, receivedAtMs }])
    t.throws(() => decodeJournalEntry(entry), RangeError)
  }
  t.end()
})

t.test('reads arbitrary bytes as an entry or a range error', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (arbitrary) => {
      try {
        decodeJournalEntry(Buffer.from(arbitrary))
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }),
  )
  t.end()
})
