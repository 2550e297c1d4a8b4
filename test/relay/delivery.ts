import { createHash } from 'node:crypto'
import t from 'tap'
import type { ProviderRequest } from '../../src/apns/request.ts'
import { Delivery, Original } from '../../src/relay/delivery.ts'

const request: ProviderRequest = {
  apnsId: '7c1a4e4e-52a4-4f0c-9d3e-8b1f6d6a7c21',
  token: 'ab'.repeat(32),
  topic: 'com.example.app',
  pushType: 'alert',
  priority: 10,
  expiration: 0,
  payload: Buffer.from('{"aps":{}}'),
}

function deliver(changes: Partial<ProviderRequest> = {}): Delivery {
  return new Delivery({
    request: { ...request, ...changes },
    notification: undefined,
    identifier: 7,
    source: undefined,
    receivedAtMs: 0,
    giveUpAtMs: 60_000,
  })
}

t.test('has a key from device token and payload', (t) => {
  const hash = createHash('sha256')
    .update(`${'ab'.repeat(32)}{"aps":{}}`)
    .digest('base64')
  t.equal(deliver().key, hash.slice(0, 22))
  t.not(deliver({ token: 'cd'.repeat(32) }).key, deliver().key)
  t.not(deliver({ payload: Buffer.from('{ }') }).key, deliver().key)
  t.end()
})

t.test('has the same key for any identifier, expiration, priority and apns-id', (t) => {
  const changes = { apnsId: 'another', expiration: 7, priority: 5, pushType: undefined }
  t.equal(deliver(changes).key, deliver().key)
  t.end()
})

t.test('keeps its key and drops its payload when it has ended and is remembered', (t) => {
  const key = deliver().key
  const payloadOf = ({ request }: Delivery): number => request.payload.length
  const asked = deliver()
  t.equal(asked.key, key)
  t.equal(payloadOf(asked), 10, 'it may still be sent')
  asked.end({ kind: 'delivered' })
  t.equal(payloadOf(asked), 0)
  const over = deliver()
  over.end({ kind: 'delivered' })
  t.equal(payloadOf(over), 10, 'nobody has asked for its key')
  over.dropPayload()
  t.equal(payloadOf(over), 0)
  t.equal(over.key, key)
  t.same(over.request, { ...request, payload: Buffer.alloc(0) })
  const late = deliver()
  late.end({ kind: 'delivered' })
  t.equal(late.key, key)
  t.equal(payloadOf(late), 0, 'its key has been asked for')
  t.end()
})

t.test('compact drops or copies a payload only if it keeps a large read in memory', (t) => {
  const read = Buffer.alloc(65_536, '{"aps":{}}')
  const large = deliver({ payload: read.subarray(0, 10) })
  large.end({ kind: 'delivered' })
  large.compact()
  t.equal(large.request.payload.length, 0)
  t.equal(large.key, deliver().key)
  const retried = deliver({ payload: read.subarray(0, 10) })
  retried.compact()
  t.same(retried.request.payload, Buffer.from('{"aps":{}}'), 'it may still be sent')
  t.ok(retried.request.payload.buffer.byteLength < 65_536)
  const small = deliver({ payload: Buffer.from(new ArrayBuffer(10)) })
  small.end({ kind: 'delivered' })
  small.compact()
  t.equal(small.request.payload.length, 10)
  t.end()
})

t.test('drops the payload of a resend, which is never sent', (t) => {
  const delivery = deliver()
  const { key } = delivery
  const original = new Original({ key, ref: 'another', ending: undefined }, false)
  delivery.follow(original)
  t.equal(delivery.original, original)
  t.equal(delivery.request.payload.length, 0)
  t.equal(delivery.key, key)
  t.end()
})

t.test('is amended once, and keeps token, payload and apns-id', (t) => {
  const delivery = deliver()
  t.equal(delivery.amend('power-saving'), true)
  t.same(delivery.request, { ...request, priority: 5 })
  t.equal(delivery.amend('without-push-type'), false)
  t.same(delivery.request, { ...request, priority: 5 })
  t.end()
})

t.test('is settled in the journal once: when it ends or is recognised as a resend', (t) => {
  const settled: number[] = []
  const batch = { settled: (index: number) => settled.push(index) }
  const one = deliver()
  one.end({ kind: 'delivered' })
  t.same(settled, [], 'it was never written')
  const two = deliver()
  two.journalled(batch, 2)
  two.end({ kind: 'delivered' })
  two.leaveJournal()
  const three = deliver()
  three.journalled(batch, 3)
  three.leaveJournal()
  three.end({ kind: 'expired' })
  t.same(settled, [2, 3])
  t.end()
})

t.test('counts as its payload and 1 KiB, even when the payload has been dropped', (t) => {
  const delivery = deliver()
  t.equal(delivery.bytes, 1024 + 10)
  delivery.end({ kind: 'delivered' })
  delivery.dropPayload()
  t.equal(delivery.bytes, 1024 + 10)
  t.end()
})
