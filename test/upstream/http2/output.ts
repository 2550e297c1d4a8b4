import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Output } from '../../../src/upstream/http2/frame-writer.ts'

interface Given {
  readonly output: Output
  /** The bytes written: a copy from that moment, and the buffer itself. */
  readonly writes: { readonly then: string; readonly bytes: Buffer; readonly done: () => void }[]
  readonly put: (text: string) => void
  drained: number
}

function given(): Given {
  const writes: Given['writes'] = []
  const output = new Output(
    (bytes, done) => writes.push({ then: bytes.toString(), bytes, done }),
    () => all.drained++,
  )
  const put = (text: string): void => {
    const target = output.reserve(text.length)
    output.commit(output.length + target.write(text, output.length))
  }
  const all = { output, writes, put, drained: 0 }
  return all
}

t.test('writes the bytes of one turn as one buffer', async (t) => {
  const { writes, put } = given()
  put('one ')
  put('two')
  t.same(writes, [])
  await setImmediate()
  t.same(
    writes.map(({ then }) => then),
    ['one two'],
  )
})

t.test('does not change bytes being written, and writes later bytes together', async (t) => {
  const { writes, put } = given()
  put('first')
  await setImmediate()
  put('second ')
  await setImmediate()
  put('third')
  await setImmediate()
  t.equal(writes.length, 1)
  t.equal(writes[0]?.bytes.toString(), 'first')
  writes[0]?.done()
  t.same(
    writes.map(({ then }) => then),
    ['first', 'second third'],
  )
  put('fourth')
  t.equal(writes[1]?.bytes.toString(), 'second third')
  writes[1]?.done()
  t.equal(writes[2]?.then, 'fourth')
})

t.test(
  'is full at 256 KiB, collected or being written, and reports once when it is not full',
  async (t) => {
    const all = given()
    const { output, writes, put } = all
    put('x'.repeat(256 * 1024 - 1))
    t.equal(output.isFull, false)
    await setImmediate()
    put('y')
    t.equal(output.isFull, true)
    t.equal(output.isFlooded, false)
    writes[0]?.done()
    t.equal(output.isFull, false)
    t.equal(all.drained, 1)
    writes[1]?.done()
    t.equal(all.drained, 1)
    put('z'.repeat(512 * 1024))
    t.equal(output.isFlooded, true)
    await setImmediate()
  },
)

t.test('close returns the collected bytes, and no more are written', async (t) => {
  const { output, writes, put } = given()
  put('last word')
  t.equal(output.close().toString(), 'last word')
  put('too late')
  await setImmediate()
  t.same(writes, [])
})
