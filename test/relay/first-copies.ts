import t from 'tap'
import { FirstCopies } from '../../src/relay/first-copies.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

t.test('an ending is known to who hears of its copy later, until 50,000 others have ended', (t) => {
  const copies = new FirstCopies({ followed: () => undefined }, new FakeClock())
  const end = (from: number, to: number): void => {
    for (let number = from; number <= to; number++)
      copies.ended(`ref ${number}`, { kind: 'delivered' })
  }
  const endingOf = (ref: string): unknown =>
    copies.of({ key: 'key', ref, ending: undefined }).ending
  end(1, 99_999)
  for (const ref of ['ref 50000', 'ref 50001', 'ref 99999'])
    t.same(endingOf(ref), { kind: 'delivered' }, ref)
  end(100_000, 100_000)
  t.equal(endingOf('ref 50000'), undefined)
  t.same(endingOf('ref 50001'), { kind: 'delivered' })
  t.end()
})
