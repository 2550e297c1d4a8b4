import { deepStrictEqual, ok } from 'node:assert/strict'
import { sensitiveHeaders } from 'node:http2'
import fc from 'fast-check'
import t from 'tap'
import { requestHeaders, type ProviderRequest } from '../../../src/apns/request.ts'
import { HpackDecoder } from '../../../src/upstream/http2/hpack-decoder.ts'
import { HpackEncoder } from '../../../src/upstream/http2/hpack-encoder.ts'
import { until, untilAtLeast } from '../../fixtures/condition.ts'
import { H2cClient } from '../../fixtures/h2c-client.ts'
import { hex } from '../../fixtures/hex.ts'
import { playPeer } from '../../fixtures/provider-peer.ts'

const host = 'api.push.apple.com'
const request: ProviderRequest = {
  apnsId: '7c1a4e4e-52a4-4f0c-9d3e-8b1f6d6a7c21',
  token: 'ab'.repeat(32),
  topic: 'com.example.app',
  pushType: 'alert',
  priority: 10,
  expiration: 0,
  payload: Buffer.from('{"aps":{}}'),
}
const bare = { ...request, pushType: undefined, priority: undefined, expiration: undefined }

function encoded(
  encoder: HpackEncoder,
  request: ProviderRequest,
  authorization?: string,
  authority = host,
): Buffer {
  const target = Buffer.alloc(encoder.maxBytes(request, authority, authorization))
  return target.subarray(0, encoder.encode(request, authority, authorization, target, 0))
}

function ascii(text: string): string {
  return Buffer.from(text).toString('hex')
}

const path = `14 4a ${ascii(`/3/device/${request.token}`)}`

t.test('indexes repeated values, and never secrets', (t) => {
  const encoder = new HpackEncoder()
  t.strictSame(
    encoded(encoder, request, 'bearer t'),
    hex(`
      83 87 ${path}
      41 12 ${ascii(host)}
      1f08 08 ${ascii('bearer t')}
      40 0a ${ascii('apns-topic')} 0f ${ascii('com.example.app')}
      5f 10 ${ascii('application/json')}
      40 0e ${ascii('apns-push-type')} 05 ${ascii('alert')}
      40 0d ${ascii('apns-priority')} 02 ${ascii('10')}
      40 07 ${ascii('apns-id')} 24 ${ascii(request.apnsId)}
      40 0f ${ascii('apns-expiration')} 01 ${ascii('0')}
      0f0d 02 ${ascii('10')}`),
  )
  const next = {
    ...request,
    apnsId: '00000000-0000-4000-8000-000000000001',
    expiration: 1_617_148_800,
  }
  t.strictSame(
    encoded(encoder, next, 'bearer t'),
    hex(`
      83 87 ${path} c4
      1f08 08 ${ascii('bearer t')}
      c3 c2 c1 c0
      0f30 24 ${ascii(next.apnsId)}
      0f2f 0a ${ascii('1617148800')}
      0f0d 02 ${ascii('10')}`),
  )
  t.end()
})

t.test('omits the headers that a request does not have', (t) => {
  const encoder = new HpackEncoder()
  encoded(encoder, bare)
  const id = `0f2f 24 ${ascii(request.apnsId)}`
  t.strictSame(
    encoded(encoder, { ...bare, payload: Buffer.alloc(0) }),
    hex(`83 87 ${path} c1 c0 bf ${id} 0f0d 01 ${ascii('0')}`),
  )
  t.end()
})

t.test('writes a second topic with the indexed name', (t) => {
  const encoder = new HpackEncoder()
  encoded(encoder, bare)
  const id = ascii(request.apnsId)
  const length = `0f0d 02 ${ascii('10')}`
  t.strictSame(
    encoded(encoder, { ...bare, topic: 'b' }),
    hex(`83 87 ${path} c1 7f01 01 ${ascii('b')} c0 0f30 24 ${id} ${length}`),
  )
  t.strictSame(
    encoded(encoder, { ...bare, topic: 'b' }),
    hex(`83 87 ${path} c2 be c0 0f30 24 ${id} ${length}`),
  )
  t.end()
})

t.test('writes only literals without a table', (t) => {
  const encoder = new HpackEncoder()
  encoded(encoder, request)
  encoder.resize(0)
  const literals = `
    83 87 ${path}
    01 12 ${ascii(host)}
    00 0a ${ascii('apns-topic')} 0f ${ascii('com.example.app')}
    0f10 10 ${ascii('application/json')}
    00 07 ${ascii('apns-id')} 24 ${ascii(request.apnsId)}
    0f0d 02 ${ascii('10')}`
  t.strictSame(encoded(encoder, bare), hex(`20 ${literals}`))
  t.strictSame(encoded(encoder, bare), hex(literals))
  t.end()
})

t.test('does not evict fields for one that is larger than the table', (t) => {
  const encoder = new HpackEncoder()
  encoded(encoder, bare)
  const before = encoded(encoder, bare)
  encoded(encoder, { ...bare, topic: 'x'.repeat(4055) })
  t.strictSame(encoded(encoder, bare), before)
  encoded(encoder, { ...bare, topic: 'x'.repeat(4054) })
  t.not(encoded(encoder, bare).length, before.length, 'what just fits takes all of it')
  t.end()
})

t.test('announces the sizes of its table once, in front of a block', (t) => {
  const rows: [encoder: HpackEncoder, sizes: number[], bytes: string][] = [
    [new HpackEncoder(), [], ''],
    [new HpackEncoder(), [4096], ''],
    [new HpackEncoder(), [65_536], ''],
    [new HpackEncoder(), [2 ** 32 - 1, 4096], ''],
    [new HpackEncoder(), [100], '3f45'],
    [new HpackEncoder(), [200, 100], '3f45'],
    [new HpackEncoder(), [100, 200], '3f45 3fa901'],
    [new HpackEncoder(), [100, 0, 200, 4096], '20 3fe11f'],
    [new HpackEncoder(1024), [], '3fe107'],
    [new HpackEncoder(1024), [4096], '3fe107'],
    [new HpackEncoder(8192), [], ''],
    [new HpackEncoder(8192), [65_536], '3fe13f'],
    [new HpackEncoder(0), [65_536], '20'],
  ]
  const updates = (encoder: HpackEncoder): Buffer => {
    const block = encoded(encoder, request)
    return block.subarray(0, block.indexOf(hex('83 87 14')))
  }
  for (const [encoder, sizes, bytes] of rows) {
    for (const size of sizes) encoder.resize(size)
    t.strictSame(updates(encoder), hex(bytes), `[${sizes.join()}]`)
    t.strictSame(updates(encoder), hex(''))
  }
  const grown = new HpackEncoder()
  for (const size of [100, 4096]) {
    grown.resize(size)
    updates(grown)
  }
  grown.resize(50)
  t.strictSame(updates(grown), hex('3f13'), 'and again when it changes again')
  t.end()
})

t.test('writes only from its offset on', (t) => {
  const block = encoded(new HpackEncoder(), request)
  const target = Buffer.alloc(block.length + 20, 0xee)
  t.equal(new HpackEncoder().encode(request, host, undefined, target, 9), 9 + block.length)
  t.strictSame(target, Buffer.concat([Buffer.alloc(9, 0xee), block, Buffer.alloc(11, 0xee)]))
  t.end()
})

t.test('throws when there is no room', (t) => {
  const { length } = encoded(new HpackEncoder(), request)
  for (const room of [0, 30, length - 1]) {
    const target = Buffer.alloc(room)
    t.throws(() => new HpackEncoder().encode(request, host, undefined, target, 0), RangeError)
  }
  t.end()
})

const word = fc.stringMatching(/^[a-z][a-z0-9.-]*$/)
const topic = fc.oneof(
  { weight: 6, arbitrary: fc.nat(80).map((n) => `com.example.app${n}`) },
  { weight: 2, arbitrary: word },
  { weight: 1, arbitrary: fc.constantFrom(130, 300, 4054, 4055).map((n) => 't'.repeat(n)) },
)
const anyRequest: fc.Arbitrary<ProviderRequest> = fc.record({
  apnsId: fc.uuid(),
  token: fc.constantFrom(64, 200).map((length) => 'e5'.repeat(length / 2)),
  topic,
  pushType: fc.constantFrom('alert', 'background', 'mdm', 'voip', undefined),
  priority: fc.constantFrom(1, 5, 10, undefined),
  expiration: fc.constantFrom(0, 1_617_148_800, 2 ** 32 - 1, undefined),
  payload: fc.nat(300).map((length) => Buffer.alloc(length)),
})
const tableBytes = fc.oneof(fc.nat(300), fc.constantFrom(0, 31, 32, 1000, 4096, 65_536))
const step = fc.record({
  request: anyRequest,
  authority: fc.constantFrom(host, host, 'api.sandbox.push.apple.com:2197'),
  authorization: fc.constantFrom(undefined, 'bearer a', `bearer ${'b'.repeat(300)}`),
  /** Table sizes that the peer sets before the request. */
  resizes: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(tableBytes, { maxLength: 3 }) },
  ),
})
const steps = fc.array(step, { minLength: 1, maxLength: 30 })

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function expected({ request, authority, authorization }: Step): Record<string, string> {
  const headers = requestHeaders(request, authorization)
  return { ...headers, ':scheme': 'https', ':authority': authority }
}

t.test('our decoder reads any requests with any table, pseudo-headers first', (t) => {
  fc.assert(
    fc.property(steps, fc.option(tableBytes, { nil: undefined }), (steps, maxTableBytes) => {
      const encoder = new HpackEncoder(maxTableBytes)
      const decoder = new HpackDecoder({ maxTableBytes: 65_536, maxListBytes: 65_536 })
      for (const step of steps) {
        for (const size of step.resizes) encoder.resize(size)
        const block = encoded(encoder, step.request, step.authorization, step.authority)
        const { fields } = decoder.decode(block)
        const names = fields.map(([name]) => name)
        deepStrictEqual(Object.fromEntries(fields), expected(step))
        deepStrictEqual(new Set(names).size, names.length)
        ok(names.slice(0, 4).every((name) => name.startsWith(':')))
        const last = step.resizes.at(-1)
        if (last !== undefined) ok(decoder.tableBytes <= last)
      }
    }),
    { numRuns: 500 },
  )
  t.pass()
  t.end()
})

t.test("Node's server reads the same headers, and which of them are secret", async (t) => {
  const peer = await playPeer(t)
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const client = await H2cClient.connect(t, peer.origin)
      const encoder = new HpackEncoder()
      const first = peer.requests.length
      await untilAtLeast(() => client.tableSizes.length, 1)
      const session = peer.sessions.at(-1)
      let told = client.tableSizes.length
      for (const step of steps) {
        for (const headerTableSize of step.resizes) session?.settings({ headerTableSize })
        told += step.resizes.length
        await until(() => client.tableSizes.length === told || client.closed)
        for (const size of step.resizes) encoder.resize(size)
        const block = encoded(encoder, step.request, step.authorization, step.authority)
        client.request(block, step.request.payload)
      }
      await until(() => peer.requests.length === first + steps.length || client.closed)
      deepStrictEqual(
        peer.requests.slice(first).map(({ headers }) => headers),
        steps.map((step) => ({
          __proto__: null,
          ...expected(step),
          [sensitiveHeaders]: step.authorization ? [':path', 'authorization'] : [':path'],
        })),
      )
      client.destroy()
    }),
    { numRuns: 60 },
  )
  t.pass()
})
