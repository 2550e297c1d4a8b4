import t from 'tap'
import { DynamicTable } from '../../../src/upstream/http2/hpack.ts'

/** Takes 34 bytes. */
function field(name: string, value = '1'): [string, string] {
  return [name, value]
}

t.test('counts positions from the newest, which is 1', (t) => {
  const table = new DynamicTable(4096)
  for (const name of ['a', 'b', 'c']) table.add(field(name))
  t.same(
    [1, 2, 3].map((position) => table.at(position)?.[0]),
    ['c', 'b', 'a'],
  )
  t.same(
    [0, 4, -1].map((position) => table.at(position)),
    [undefined, undefined, undefined],
  )
  t.equal(table.bytes, 102)
  t.end()
})

t.test('finds names, and names with values', (t) => {
  const table = new DynamicTable(4096)
  for (const [name, value] of ['a1', 'b1', 'a2'].map((text) => text.split('')))
    table.add([name ?? '', value ?? ''])
  t.equal(table.find('a', '1'), 3)
  t.equal(table.find('a', '2'), 1)
  t.equal(table.find('b', '2'), 0)
  t.equal(table.find('b'), 2)
  t.equal(table.find('c'), 0)
  t.end()
})

t.test('evicts the oldest fields until the rest fits', (t) => {
  const table = new DynamicTable(102)
  for (const name of ['a', 'b', 'c']) table.add(field(name))
  t.equal(table.find('a'), 3, 'exactly full')
  table.add(field('d', '12'))
  t.same([table.find('a'), table.find('b'), table.find('c'), table.bytes], [0, 0, 2, 69])
  table.resize(68)
  t.same([table.find('c'), table.find('d'), table.bytes], [0, 1, 35])
  table.resize(0)
  t.same([table.find('d'), table.bytes, table.maxBytes], [0, 0, 0])
  t.end()
})

t.test('a field larger than the table empties it', (t) => {
  const table = new DynamicTable(68)
  table.add(field('a'))
  table.add(field('b', '1'.repeat(36)))
  t.same([table.at(1), table.bytes], [undefined, 0])
  t.end()
})
