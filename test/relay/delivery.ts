import { createHash } from 'node:crypto'
import t from 'tap'
import { delivered, type Outcome } from '../../src/apns/outcome.ts'
import type { ProviderRequest } from '../../src/apns/request.ts'
import { Delivery, FirstCopy } from '../../src/relay/delivery.ts'

const request: ProviderRequest = {
  apnsId: '7c1a4e4e-52a4-4f0c-9d3e-8b1f6d6a7c21',
  token: 'ab'.repeat(32),
  topic: 'com.example.app',
  pushType: 'alert',
  priority: 10,
  expiration: 0,
  payload: Buffer.from('{"aps":{}}'),
}

function deliver(changes: Partial<ProviderRequest> = {}): { delivery: Delivery; heard: unknown[] } {
  const heard: unknown[] = []
  const owner = {
    answered: (which: Delivery, outcome: Outcome) => heard.push(which, outcome),
    expired: (which: Delivery) => heard.push(which, 'expired'),
  }
  return { delivery: new Delivery({ ...request, ...changes }, 60_000, undefined, owner), heard }
}

t.test('passes on what becomes of it', (t) => {
  const { delivery, heard } = deliver()
  delivery.answered(delivered)
  delivery.expired()
  t.equal(heard[0], delivery)
  t.equal(heard[1], delivered)
  t.equal(heard[2], delivery)
  t.equal(heard[3], 'expired')
  t.end()
})

t.test('is known by device token and payload', (t) => {
  const hash = createHash('sha256')
    .update(`${'ab'.repeat(32)}{"aps":{}}`)
    .digest()
  t.equal(deliver().delivery.key, hash.subarray(0, 16).toString('base64'))
  t.not(deliver({ token: 'cd'.repeat(32) }).delivery.key, deliver().delivery.key)
  t.not(deliver({ payload: Buffer.from('{ }') }).delivery.key, deliver().delivery.key)
  t.end()
})

t.test('identifier, expiration, priority and apns-id play no part in that', (t) => {
  const changes = { apnsId: 'another', expiration: 7, priority: 5, pushType: undefined }
  t.equal(deliver(changes).delivery.key, deliver().delivery.key)
  t.end()
})

t.test('keeps its key and lets go of its payload once it is over and remembered', (t) => {
  const key = deliver().delivery.key
  const payloadOf = ({ delivery }: ReturnType<typeof deliver>): number =>
    delivery.request.payload.length
  const asked = deliver()
  t.equal(asked.delivery.key, key)
  t.equal(payloadOf(asked), 10, 'it may still be sent')
  asked.delivery.end({ kind: 'delivered' })
  t.equal(payloadOf(asked), 0)
  const over = deliver()
  over.delivery.end({ kind: 'delivered' })
  t.equal(payloadOf(over), 10, 'nobody has asked for its key')
  over.delivery.shed()
  t.equal(payloadOf(over), 0)
  t.equal(over.delivery.key, key)
  t.same(over.delivery.request, { ...request, payload: Buffer.alloc(0) })
  const late = deliver()
  late.delivery.end({ kind: 'delivered' })
  t.equal(late.delivery.key, key)
  t.equal(payloadOf(late), 0, 'its key has been asked for')
  t.end()
})

t.test('a resend needs no payload, since it is never sent', (t) => {
  const { delivery } = deliver()
  const { key } = delivery
  const original = new FirstCopy({ key, ref: 'another', ending: undefined }, undefined)
  delivery.follow(original)
  t.equal(delivery.original, original)
  t.equal(delivery.request.payload.length, 0)
  t.equal(delivery.key, key)
  t.end()
})

t.test('is amended once, and keeps token, payload and apns-id', (t) => {
  const { delivery } = deliver()
  t.equal(delivery.amend('power-saving'), true)
  t.same(delivery.request, { ...request, priority: 5 })
  t.equal(delivery.amend('without-push-type'), false)
  t.same(delivery.request, { ...request, priority: 5 })
  t.end()
})
