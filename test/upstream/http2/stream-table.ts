import t from 'tap'
import { Stream, StreamTable } from '../../../src/upstream/http2/stream.ts'
import { Parcel } from '../../fixtures/delivery.ts'

const delivery = new Parcel()

function filled(firstId: number, count: number): StreamTable {
  const table = new StreamTable(firstId)
  for (let index = 0; index < count; index++)
    table.add(new Stream(firstId + 2 * index, delivery, 0))
  return table
}

function end(table: StreamTable, id: number): void {
  const stream = table.get(id)
  if (stream === undefined) throw new Error(`stream ${id} is not in flight`)
  table.delete(stream)
}

const idsIn = (table: StreamTable): number[] => table.all.map(({ id }) => id)

t.test('finds the streams in flight and no others', (t) => {
  const table = filled(5, 3)
  end(table, 7)
  t.same(
    [0, 3, 4, 5, 6, 7, 8, 9, 10, 11].filter((id) => table.get(id)?.id === id),
    [5, 9],
  )
  t.same(idsIn(table), [5, 9])
  t.equal(table.size, 2)
  t.end()
})

t.test('has the same streams after many have ended, in any order', (t) => {
  for (const isReversed of [false, true]) {
    const table = filled(1, 3000)
    const ids = idsIn(table).slice(0, 2500)
    for (const id of isReversed ? ids.reverse() : ids) end(table, id)
    t.equal(table.size, 500)
    t.equal(table.get(4999), undefined)
    t.equal(table.get(5001)?.id, 5001)
    t.equal(table.get(5999)?.id, 5999)
    table.add(new Stream(6001, delivery, 0))
    t.equal(table.get(6001)?.id, 6001)
    for (const id of idsIn(table)) end(table, id)
    t.same([table.size, idsIn(table)], [0, []])
  }
  t.end()
})
