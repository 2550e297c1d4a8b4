import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { KeyRing } from '../../src/apns/key-ring.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
const key = { privateKey: newKey(), keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }

t.test('routes with the same key share one token, signed before it is handed out', async (t) => {
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
  t.test(`${what} has a token of its own`, async (t) => {
    const ring = new KeyRing(new FakeClock())
    t.not(await ring.tokenOf(other), await ring.tokenOf(key))
    ring.keep([])
  })

t.test('what is kept is renewed, and the same; what is not has no timer left', async (t) => {
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

t.test('a key that was not kept is signed anew when it comes back', async (t) => {
  const ring = new KeyRing(new FakeClock())
  const token = await ring.tokenOf(key)
  ring.keep([])
  t.not(await ring.tokenOf(key), token)
  ring.keep([])
})

t.test('a token that could not be agreed on is not handed out unsigned', async (t) => {
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
