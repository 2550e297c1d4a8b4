/** Who may look, and by which name. */
import t from 'tap'
import { authorize } from '../../src/admin/authorization.ts'

const token = 'correct-horse-battery'
const loopback = { host: '127.0.0.1', token: undefined }
const guarded = { host: '0.0.0.0', token }

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

const own = ['127.0.0.1:9195', '127.0.0.1', 'localhost', 'LOCALHOST:1', '[::1]:9195', '10.0.0.7:80']
const foreign = [
  'proxy.example',
  'localhost.example',
  '127.0.0.1.nip.io',
  'a b',
  '',
  '[::1',
  undefined,
]

for (const host of own)
  t.test(`${host} is a name of this machine alone`, (t) => {
    t.equal(authorize({ host }, loopback), 'authorized')
    t.end()
  })

for (const host of foreign)
  t.test(`${String(host)} may be a name that somebody else made up`, (t) => {
    t.equal(authorize({ host }, loopback), 'foreign-host')
    t.end()
  })

t.test('the name that it is bound to is its own', (t) => {
  const rules = { host: 'admin.internal', token: undefined }
  t.equal(authorize({ host: 'admin.internal:9195' }, rules), 'authorized')
  t.end()
})

t.test('who has the token may call it what they like', (t) => {
  const authorization = `Bearer ${token}`
  t.equal(authorize({ host: 'status.example', authorization }, guarded), 'authorized')
  t.end()
})

const right = [`Bearer ${token}`, `bearer  ${token}`, basic(`admin:${token}`), basic(`:${token}`)]
const wrong = [
  undefined,
  '',
  token,
  'Bearer',
  `Bearer ${token} `,
  `Bearer ${token}x`,
  `Bearer ${token.slice(1)}`,
  `Digest ${token}`,
  basic(token.slice(1)),
  basic(`${token}:`),
  basic(`admin:${token}:`),
  'Basic !!!',
]

for (const authorization of right)
  t.test(`“${authorization}” has the token`, (t) => {
    t.equal(authorize({ authorization }, guarded), 'authorized')
    t.end()
  })

for (const authorization of wrong)
  t.test(`“${String(authorization)}” has not`, (t) => {
    t.equal(authorize({ host: 'localhost', authorization }, guarded), 'no-token')
    t.end()
  })
