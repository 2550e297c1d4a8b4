/** What a check says of Redis, with a real redis-server: its settings, its password, its TLS, its ACL. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { storeFindings } from '../../src/check/store-check.ts'
import type { Finding } from '../../src/check/finding.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { parseRedisUrl } from '../../src/store/redis-address.ts'
import { redisDialler } from '../../src/store/redis-dialler.ts'
import { openRedisStore } from '../../src/store/redis-store.ts'
import type { RedisStoreEvent } from '../../src/store/store-event.ts'
import { folder } from '../fixtures/folder.ts'
import { authority, server as identity } from '../fixtures/identity.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'

const options = { skip: noRedis }

type Access = Parameters<typeof openRedisStore>[0]

function accessTo(url: string, certificateAuthority?: string): Access {
  const address = parseRedisUrl(url)
  if (typeof address === 'string') throw new Error(address)
  return { address, certificateAuthority }
}

function findingsOf(access: Access): Promise<Finding[]> {
  return storeFindings({ kind: 'redis', ...access }, systemClock)
}

async function startTls(t: Test): Promise<RedisServer> {
  const directory = folder(t)
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const tls = [
    '--tls-cert-file',
    file('cert.pem', identity.certificatePem),
    '--tls-key-file',
    file('key.pem', identity.keyPem),
    '--tls-ca-cert-file',
    file('ca.pem', authority.certificatePem),
    '--tls-auth-clients',
    'no',
  ]
  return RedisServer.start(t, '--requirepass', 'secret', ...tls)
}

t.test('the embedded store is none of its business', async (t) => {
  t.same(await storeFindings({ kind: 'lmdb' }, systemClock), [])
})

t.test('warns of a Redis that forgets, and is content with one that keeps', options, async (t) => {
  const server = await RedisServer.start(t, '--maxmemory-policy', 'allkeys-lru')
  t.match(await findingsOf(accessTo(server.url)), [
    { severity: 'ok', finding: /can be used \(\d+\.\d+/ },
    { severity: 'warning', cure: /noeviction/ },
    { severity: 'warning', cure: /appendonly yes/ },
  ])
  const careful = await RedisServer.start(t, '--appendonly', 'yes')
  t.match(await findingsOf(accessTo(careful.url)), [{ severity: 'ok' }])
})

t.test('says that it cannot be reached, and what to do', options, async (t) => {
  const server = await RedisServer.start(t)
  await server.kill()
  t.match(await findingsOf(accessTo(server.url)), [
    { severity: 'error', finding: /cannot be reached \(.*ECONNREFUSED/, cure: /start it/ },
  ])
})

t.test(
  'TLS and password: all three ways to get them wrong, and the right one',
  options,
  async (t) => {
    const server = await startTls(t)
    const place = `localhost:${server.tlsPort}`
    const ca = authority.certificatePem
    const trusting = (login: string): Access => accessTo(`rediss://${login}${place}`, ca)
    t.match(await findingsOf(trusting(':wrong@')), [{ severity: 'error', finding: /password/ }])
    t.match(await findingsOf(trusting('')), [{ severity: 'error', cure: /storePasswordFile/ }])
    t.match(await findingsOf(accessTo(`rediss://:secret@${place}`)), [
      { severity: 'error', cure: /storeCertificateAuthority/ },
    ])
    t.match(await findingsOf(trusting(':secret@')), [{ severity: 'ok' }, { severity: 'warning' }])
    const emit = ({ event }: RedisStoreEvent): unknown => event !== 'store.back' && t.fail(event)
    const deps = {
      clock: systemClock,
      told: { keepDays: 30, maxEntries: 1000 },
      emit,
      maxUnwritten: 1,
    }
    const store = await openRedisStore(trusting(':secret@'), deps)
    await store.close()
  },
)

t.test('the ACL rule of docs/scaling.md is enough, and less is told', options, async (t) => {
  const document = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8')
  const [, rule = ''] = /ACL SETUSER proxy ([^`]*)/.exec(document) ?? []
  const rights = rule.split(/\s+/).filter((word) => word !== '')
  const server = await RedisServer.start(
    t,
    '--user',
    'proxy',
    ...rights,
    '--user',
    'poor',
    'on',
    '>password',
    '+ping',
  )
  const [user, poor] = ['proxy', 'poor'].map((name) =>
    accessTo(`redis://${name}:password@127.0.0.1:${server.port}`),
  )
  if (user === undefined || poor === undefined) return
  t.match(await findingsOf(user), [{ severity: 'ok' }])
  t.match(await findingsOf(poor), [{ severity: 'error', cure: /ACL/ }])
  const lost: string[] = []
  const emit = (event: RedisStoreEvent): void => {
    if (event.event === 'store.lost') lost.push(event.error.message)
    else if (event.event === 'store.damaged') t.fail()
  }
  const store = await openRedisStore(user, {
    clock: systemClock,
    told: { keepDays: 30, maxEntries: 1000 },
    emit,
    maxUnwritten: 1,
  })
  store.feedback.add('app', 'aa', 1)
  store.feedback.drop('app', 'aa')
  store.feedback.add('app', 'bb', 1)
  const first = await store.feedback.hold('app')
  first.release()
  await (await store.feedback.hold('app')).forget()
  await store.tokens?.agree('key', { jwt: 'a', issuedAtMs: 1 }, 0)
  store.eventLog.append('app', 1)
  await store.journal.flush()
  await store.close()
  t.same(lost, [])
  const open = redisDialler(user)
  const connection = await open(() => undefined, new AbortController().signal)
  t.equal(await connection.send(['CLIENT', 'KILL', 'ID', '999999']), 0, 'its own of before')
  connection.destroy()
})
