/** The writer, with a disk that fails on demand. */
import t from 'tap'
import { Writer, type Change } from '../../src/store/lmdb-writer.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

interface Bench {
  readonly writer: Writer
  readonly clock: FakeClock
  /** The names of the changes in each transaction that succeeded. */
  readonly transactions: string[][]
  readonly events: string[]
  readonly disk: { fails: boolean; removalsFail: boolean; attempts: number }
  readonly change: (name: string, bytes?: number) => Change
}

function setUp(): Bench {
  const clock = new FakeClock()
  const transactions: string[][] = []
  const events: string[] = []
  const disk = { fails: false, removalsFail: true, attempts: 0 }
  let written: string[] = []
  const writer = new Writer({
    clock,
    commit: (changes) => {
      disk.attempts++
      written = []
      for (const change of changes) change.write()
      if (disk.fails) throw new Error('EIO')
      transactions.push(written)
    },
    commitRemovals: (changes) => {
      written = []
      for (const change of changes) change.write()
      if (disk.removalsFail) throw new Error('EIO')
      transactions.push(written)
    },
    emit: (event) =>
      events.push(event.event === 'journal.failed' ? event.error.message : 'recovered'),
  })
  const change = (name: string, bytes = 1): Change => ({
    bytes,
    write: () => written.push(name),
    committed: () => events.push(`${name} committed`),
  })
  return { writer, clock, transactions, events, disk, change }
}

t.test('has written when it returns', (t) => {
  const { writer, transactions, events, clock, change } = setUp()
  writer.write(change('a'))
  t.same(transactions, [['a']])
  t.same(events, ['a committed'])
  t.equal(clock.pending, 0)
  t.end()
})

t.test('gathers what can wait, and takes it along with what cannot', (t) => {
  const { writer, transactions, clock, change } = setUp()
  writer.writeSoon(change('a'))
  writer.writeSoon(change('b'))
  t.same(transactions, [])
  clock.advance(0)
  t.same(transactions, [['a', 'b']])
  writer.writeSoon(change('c'))
  writer.write(change('d'))
  t.same(transactions, [
    ['a', 'b'],
    ['c', 'd'],
  ])
  clock.advance(0)
  t.equal(transactions.length, 2)
  t.end()
})

t.test('keeps what fails and tries it every second, says so once, and recovers', async (t) => {
  const { writer, clock, transactions, events, disk, change } = setUp()
  disk.fails = true
  writer.write(change('a'))
  writer.write(change('b'))
  const flushed = writer.flush()
  t.notOk(writer.healthy)
  clock.advance(999)
  t.equal(disk.attempts, 1)
  clock.advance(2001)
  t.equal(disk.attempts, 4)
  t.same(events, ['EIO'])
  disk.fails = false
  clock.advance(1000)
  await flushed
  t.ok(writer.healthy)
  t.same(transactions, [['a', 'b']])
  t.same(events, ['EIO', 'a committed', 'b committed', 'recovered'])
  t.equal(clock.pending, 0)
})

t.test('tries once more when it is closed, then takes nothing', (t) => {
  const { writer, clock, transactions, disk, change } = setUp()
  disk.fails = true
  writer.write(change('a'))
  disk.fails = false
  writer.close()
  writer.close()
  writer.write(change('b'))
  writer.writeSoon(change('c'))
  clock.advance(5000)
  t.same(transactions, [['a']])
  t.equal(clock.pending, 0)
  t.end()
})

t.test('closes on a disk that stays full, and leaves no timer behind', (t) => {
  const { writer, clock, disk, change } = setUp()
  disk.fails = true
  writer.write(change('a'))
  writer.close()
  t.equal(disk.attempts, 2)
  t.equal(clock.pending, 0)
  t.end()
})

t.test('lets removals through a few at a time when the disk has no room for more', (t) => {
  const { writer, clock, transactions, events, disk, change } = setUp()
  const names = Array.from({ length: 20 }, (_, index) => `removal ${index}`)
  for (const name of names) writer.writeSoon(change(name, 0))
  disk.fails = true
  writer.write(change('a'))
  t.same(transactions, [])
  disk.removalsFail = false
  clock.advance(1000)
  t.same(transactions, [names.slice(0, 16), names.slice(16)])
  t.notOk(writer.healthy)
  writer.write(change('removal', 0))
  disk.fails = false
  clock.advance(1000)
  t.same(transactions.at(-1), ['a', 'removal'])
  t.equal(events.filter((event) => event === 'removal 19 committed').length, 1)
  t.end()
})

t.test('is healthy again when all that waited was removals', (t) => {
  const { writer, clock, events, disk, change } = setUp()
  disk.fails = true
  writer.write(change('removal', 0))
  disk.removalsFail = false
  clock.advance(1000)
  t.same(events, ['EIO', 'removal committed', 'recovered'])
  t.equal(clock.pending, 0)
  t.end()
})

t.test('writes a backlog in several transactions, none of them large', (t) => {
  const { writer, clock, transactions, disk, change } = setUp()
  disk.fails = true
  for (let number = 0; number < 150; number++) writer.write(change(String(number)))
  disk.fails = false
  clock.advance(1000)
  t.same(
    transactions.map(({ length }) => length),
    [64, 64, 22],
  )
  t.equal(transactions[2]?.at(-1), '149')
  t.end()
})
