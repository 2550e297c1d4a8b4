import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import {
  ProviderToken,
  type SignedToken,
  type TokenExchange,
} from '../../src/apns/provider-token.ts'
import { until } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const minuteMs = 60_000
const march31 = 1_617_148_800

interface Given {
  readonly token: ProviderToken
  readonly clock: FakeClock
}

async function started(t: Test): Promise<Given> {
  const clock = new FakeClock()
  const token = new ProviderToken({ privateKey, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }, clock)
  await token.start()
  t.teardown(() => {
    token.stop()
  })
  return { token, clock }
}

function jwtOf({ authorization }: ProviderToken): string {
  return authorization.replace(/^bearer /, '')
}

async function issuedAt({ token, clock }: Given): Promise<number | undefined> {
  const { payload } = await jwtVerify(jwtOf(token), publicKey, {
    currentDate: new Date(clock.now()),
  })
  return payload.iat
}

t.test('contains only algorithm, key id, team id and time, with a valid signature', async (t) => {
  const { token, clock } = await started(t)
  t.match(token.authorization, /^bearer [\w-]+\.[\w-]+\.[\w-]+$/)
  t.same(decodeProtectedHeader(jwtOf(token)), { alg: 'ES256', kid: 'ABC123DEFG' })
  const verified = await jwtVerify(jwtOf(token), publicKey, { currentDate: new Date(clock.now()) })
  t.same(verified.payload, { iss: 'DEF123GHIJ', iat: march31 })
})

t.test('is renewed every 50 minutes', async (t) => {
  const given = await started(t)
  const { token, clock } = given
  for (const age of [50, 100]) {
    const before = token.authorization
    clock.advance(50 * minuteMs - 1)
    t.equal(token.authorization, before)
    clock.advance(1)
    await until(() => token.authorization !== before)
    t.equal(await issuedAt(given), march31 + age * 60)
  }
})

t.test('is renewed when APNs reports it as expired, but at most every 20 minutes', async (t) => {
  const given = await started(t)
  const { token, clock } = given
  clock.advance(20 * minuteMs - 1)
  await token.reportExpired()
  t.equal(await issuedAt(given), march31)
  clock.advance(1)
  await Promise.all([token.reportExpired(), token.reportExpired(), token.reportExpired()])
  t.equal(await issuedAt(given), march31 + 20 * 60)
  clock.advance(49 * minuteMs)
  t.equal(await issuedAt(given), march31 + 20 * 60)
})

t.test('schedules one renewal at a time', async (t) => {
  const { token, clock } = await started(t)
  clock.advance(20 * minuteMs)
  await token.reportExpired()
  t.equal(clock.pending, 1)
})

t.test('is not renewed after stop', async (t) => {
  const { token, clock } = await started(t)
  token.stop()
  token.stop()
  t.equal(clock.pending, 0)
})

t.test('stopped before start, is signed and schedules no renewal', async (t) => {
  const clock = new FakeClock()
  const token = new ProviderToken({ privateKey, keyId: 'A', teamId: 'B' }, clock)
  token.stop()
  await token.start()
  t.match(token.authorization, /^bearer /)
  t.equal(clock.pending, 0)
})

t.test('stopped while it is signed, schedules no renewal', async (t) => {
  const { token, clock } = await started(t)
  clock.advance(20 * minuteMs)
  const signed = token.reportExpired()
  token.stop()
  await signed
  t.equal(clock.pending, 0)
})

t.test('tries again 10 seconds after signing failed', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  let key: KeyObject = privateKey
  const clock = new FakeClock()
  const token = new ProviderToken(
    {
      keyId: 'ABC123DEFG',
      teamId: 'DEF123GHIJ',
      get privateKey() {
        return key
      },
    },
    clock,
  )
  await token.start()
  const first = token.authorization
  clock.advance(30 * minuteMs)
  key = rsa
  await t.rejects(token.reportExpired())
  t.equal(token.authorization, first)
  key = privateKey
  clock.advance(10_000)
  await until(() => token.authorization !== first)
  t.equal(clock.pending, 1)
  token.stop()
})

t.test('start fails if the key cannot sign', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const clock = new FakeClock()
  const token = new ProviderToken({ privateKey: rsa, keyId: 'A', teamId: 'B' }, clock)
  await t.rejects(token.start())
  token.stop()
  t.equal(clock.pending, 0)
})

t.test('is fresh to a session opened since it was issued, for less than 20 minutes', async (t) => {
  const { token, clock } = await started(t)
  const issuedAtMs = clock.now()
  t.equal(token.isFreshSince(issuedAtMs), true)
  t.equal(token.isFreshSince(issuedAtMs - 1), false, 'the session has used an older token')
  clock.advance(20 * minuteMs - 1)
  t.equal(token.isFreshSince(clock.now()), true)
  clock.advance(1)
  t.equal(token.isFreshSince(clock.now()), false)
})

t.test('is not fresh before it is signed', (t) => {
  const clock = new FakeClock()
  const token = new ProviderToken({ privateKey, keyId: 'A', teamId: 'B' }, clock)
  t.equal(token.authorization, '')
  t.equal(token.isFreshSince(clock.now()), false)
  t.end()
})

t.test(
  'uses the exchange with team, key and public key, and the age that requires renewal',
  async (t) => {
    const clock = new FakeClock()
    const asked: (readonly [name: string, ageMs: number])[] = []
    const exchange: TokenExchange = {
      agree: (name, own, sinceMs) => {
        asked.push([name, clock.now() - sinceMs])
        return Promise.resolve(own)
      },
    }
    const key = { privateKey, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }
    const token = new ProviderToken(key, clock, exchange)
    await token.start()
    clock.advance(20 * minuteMs)
    await token.reportExpired()
    const spki = publicKey.export({ type: 'spki', format: 'der' })
    const digest = createHash('sha256').update(spki).digest('hex').slice(0, 32)
    const name = `DEF123GHIJ:ABC123DEFG:${digest}`
    t.strictSame(asked, [
      [name, 50 * minuteMs],
      [name, 20 * minuteMs],
    ])
    token.stop()
  },
)

t.test('uses the token of another process, and renews it by its age', async (t) => {
  const clock = new FakeClock()
  let shared: SignedToken | undefined
  const exchange: TokenExchange = {
    agree: (_name, own, sinceMs) => {
      if (shared === undefined || shared.issuedAtMs <= sinceMs) shared = own
      return Promise.resolve(shared)
    },
  }
  const key = { privateKey, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' }
  const [one, other] = [1, 2].map(() => new ProviderToken(key, clock, exchange))
  if (one === undefined || other === undefined) return
  await one.start()
  clock.advance(30 * minuteMs)
  await other.start()
  const first = one.authorization
  t.equal(other.authorization, first)
  clock.advance(20 * minuteMs)
  await until(() => one.authorization !== first && other.authorization !== first)
  t.equal(other.authorization, one.authorization, 'both use the same renewed token')
  one.stop()
  other.stop()
  t.equal(clock.pending, 0)
})
