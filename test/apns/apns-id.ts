import t from 'tap'
import { ApnsIdSource } from '../../src/apns/apns-id.ts'

t.test('generates unique random UUIDs in canonical form', (t) => {
  const source = new ApnsIdSource()
  const ids = Array.from({ length: 2000 }, () => source.next())
  const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  t.same(
    ids.filter((id) => !canonical.test(id)),
    [],
  )
  t.equal(new Set(ids).size, ids.length)
  t.equal(new Set([...ids, new ApnsIdSource().next()]).size, ids.length + 1)
  t.end()
})

t.test('every digit that may be random is random', (t) => {
  const source = new ApnsIdSource()
  const seen = Array.from({ length: 36 }, () => new Set<string | undefined>())
  for (let count = 0; count < 2000; count++) {
    const id = source.next()
    for (const [place, characters] of seen.entries()) characters.add(id[place])
  }
  const fixed = [8, 13, 14, 18, 19, 23]
  for (const [place, characters] of seen.entries())
    t.equal(characters.size, fixed.includes(place) ? 1 : 16, `place ${place}`)
  t.end()
})
