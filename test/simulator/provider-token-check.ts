import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import t from 'tap'
import {
  bearerToken,
  ProviderTokenHistory,
  ProviderTokenVerifier,
  type Claims,
} from '../../src/simulator/client-credential.ts'

const registered = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keyId = 'ABC123DEFG'
const teamId = 'DEF123GHIJ'
const minuteMs = 60_000
const noon = Date.UTC(2021, 2, 31, 12)

function sign(claims: object, { kid = keyId, key = registered.privateKey } = {}): Promise<string> {
  return new SignJWT({ iss: teamId, iat: noon / 1000, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(key)
}

const topics = ['com.example.shop']
const key = { keyId, teamId, publicKey: registered.publicKey, topics }

t.test('a token of a registered key is genuine and limited to the topics of the key', async (t) => {
  const token = await sign({})
  const verifier = new ProviderTokenVerifier([key])
  t.strictSame(await verifier.verify(token), { token, issuedAtMs: noon, topics })
})

t.test('what is not genuine', async (t) => {
  const good = await sign({})
  const [head = '', claims = ''] = good.split('.')
  const hmac = await new SignJWT({ iss: teamId, iat: noon / 1000 })
    .setProtectedHeader({ alg: 'HS256', kid: keyId })
    .sign(Buffer.alloc(32))
  const rows: [string, string][] = [
    ['signed with another key', await sign({}, { key: foreign.privateKey })],
    ['another key ID', await sign({}, { kid: 'ZZZ123DEFG' })],
    ['another team', await sign({ iss: 'ZZZ123GHIJ' })],
    ['no time of issue', await sign({ iat: undefined })],
    ['no signature', `${head}.${claims}.`],
    ['signature of another', `${head}.${claims}.${Buffer.alloc(64, 1).toString('base64url')}`],
    ['HMAC in place of ES256', hmac],
    ['no JWT', 'abc'],
  ]
  const verifier = new ProviderTokenVerifier([key])
  for (const [name, token] of rows) t.equal(await verifier.verify(token), null, name)
})

t.test('without registered keys the form decides', async (t) => {
  const verifier = new ProviderTokenVerifier(undefined)
  const token = await sign({}, { key: foreign.privateKey })
  t.strictSame(await verifier.verify(token), { token, issuedAtMs: noon, topics: undefined })
  t.equal(await verifier.verify(await sign({}, { kid: 'short' })), null)
  t.equal(await verifier.verify(await sign({ iss: 'com.example' })), null)
  t.equal(await verifier.verify('a.b.c'), null)
})

t.test('a token is verified once and remembered either way', async (t) => {
  const verifier = new ProviderTokenVerifier(undefined)
  const token = await sign({})
  t.equal(verifier.recall(token), undefined)
  const claims = await verifier.verify(token)
  t.equal(verifier.recall(token), claims)
  await verifier.verify('abc')
  t.equal(verifier.recall('abc'), null)
})

t.test('what is remembered is bounded', async (t) => {
  const verifier = new ProviderTokenVerifier(undefined)
  for (let count = 0; count < 257; count += 1) await verifier.verify(`token${count}`)
  t.equal(verifier.recall('token0'), undefined)
  t.equal(verifier.recall('token256'), null)
})

t.test('an authorization header brings its token after the word bearer', (t) => {
  t.equal(bearerToken('bearer abc'), 'abc')
  t.equal(bearerToken('Bearer abc'), 'abc')
  for (const header of [undefined, '', 'bearer', 'bearer ', 'basic abc', 'bearer a b']) {
    t.equal(bearerToken(header), undefined, String(header))
  }
  t.end()
})

const claimsAt = (token: string, issuedAtMs: number): Claims => ({
  token,
  issuedAtMs,
  topics: undefined,
})

function faultOf(history: ProviderTokenHistory, claims: Claims | null, nowMs: number): unknown {
  const credential = history.judge(claims, nowMs)
  return credential.kind === 'provider-token' ? credential.fault : 'another kind'
}

t.test('a token is good from its time of issue until an hour later', (t) => {
  const faultAt = (nowMs: number): unknown =>
    faultOf(new ProviderTokenHistory(), claimsAt('a', noon), nowMs)
  t.equal(faultAt(noon - 1000), 'ExpiredProviderToken')
  t.equal(faultAt(noon), undefined)
  t.equal(faultAt(noon + 60 * minuteMs), undefined)
  t.equal(faultAt(noon + 60 * minuteMs + 1), 'ExpiredProviderToken')
  t.end()
})

t.test('another token is refused while the one in use is younger than 20 minutes', (t) => {
  const history = new ProviderTokenHistory()
  const first = claimsAt('a', noon)
  const second = claimsAt('b', noon + minuteMs)
  t.equal(faultOf(history, first, noon + minuteMs), undefined)
  t.equal(faultOf(history, second, noon + 19 * minuteMs), 'TooManyProviderTokenUpdates')
  t.equal(faultOf(history, first, noon + 19 * minuteMs), undefined)
  t.equal(faultOf(history, second, noon + 20 * minuteMs), undefined)
  t.equal(faultOf(history, first, noon + 20 * minuteMs), 'TooManyProviderTokenUpdates')
  t.end()
})

t.test('a token that is not genuine does not become the one in use', (t) => {
  const history = new ProviderTokenHistory()
  t.equal(faultOf(history, null, noon), 'InvalidProviderToken')
  t.equal(faultOf(history, claimsAt('a', noon), noon), undefined)
  t.end()
})
