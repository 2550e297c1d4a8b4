import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { KeyRing } from '../../src/apns/provider-token.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
const key = { privateKey: newKey(), keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }

t.test('routes with the same key share one token, which is signed first', async (t) => {
  const ring = new KeyRing(new FakeClock())
  const token = await ring.tokenOf(key)
  t.match(token.authorization, /^bearer ey/)
  t.equal(await ring.tokenOf({ ...key }), token)
  ring.keep([])
})

const others = {
  'another team': { ...key, teamId: 'GHI123JKLM' },
  'another key': { ...key, keyId: 'XYZ123ABCD' },
  'another file under the same name': { ...key, privateKey: newKey() },
}

for (const [what, other] of Object.entries(others))
  t.test(`${what} has a separate token`, async (t) => {
    const ring = new KeyRing(new FakeClock())
    t.not(await ring.tokenOf(other), await ring.tokenOf(key))
    ring.keep([])
  })

t.test('keep continues to renew the given tokens and stops the timers of all others', async (t) => {
  const clock = new FakeClock()
  const ring = new KeyRing(clock)
  const token = await ring.tokenOf(key)
  await ring.tokenOf(others['another team'])
  t.equal(clock.pending, 2)
  ring.keep([{ ...key }])
  t.equal(clock.pending, 1)
  t.equal(await ring.tokenOf(key), token)
  ring.keep([])
  t.equal(clock.pending, 0)
})

t.test('a key that was not kept gets a new token when it is used again', async (t) => {
  const ring = new KeyRing(new FakeClock())
  const token = await ring.tokenOf(key)
  ring.keep([])
  t.not(await ring.tokenOf(key), token)
  ring.keep([])
})

t.test('fails while the exchange fails, and tries again on the next call', async (t) => {
  const clock = new FakeClock()
  let isReachable = false
  const ring = new KeyRing(clock, {
    agree: (_name, own) =>
      isReachable ? Promise.resolve(own) : Promise.reject(new Error('no store')),
  })
  await t.rejects(ring.tokenOf(key), { message: 'no store' })
  t.equal(clock.pending, 0)
  isReachable = true
  t.match((await ring.tokenOf(key)).authorization, /^bearer ey/)
  ring.keep([])
})
