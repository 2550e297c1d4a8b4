/** What `/api/status` says: the shape is a promise. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { statusOf } from '../../src/admin/status.ts'
import { routeState, proxyState, tallyOf } from '../fixtures/status-sample.ts'

const document = readFileSync(new URL('../../docs/status-page.md', import.meta.url), 'utf8')

t.test('docs/status-page.md has every field, and no other', (t) => {
  const documented = [...document.matchAll(/^\| `([\w.[\]]+)` /gm)].map(([, path = '']) => path)
  const signing = routeState({ credential: { kind: 'signing-key', keyId: 'K', teamId: 'T' } })
  const alarm = { ...signing, downReason: 'BadCertificate' }
  const status = statusOf(proxyState({ routes: [routeState(), alarm] }))
  t.strictSame(documented.sort(), [...new Set(paths(status))].sort())
  t.end()
})

/** As in `routes[].name`; what is keyed by an outcome, command or reason is one field. */
function paths(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => paths(entry, `${path}[]`))
  if (typeof value !== 'object' || value === null) return [path]
  if (/settled$|receivedByCommand$/.test(path)) return [path]
  return Object.entries(value).flatMap(([key, inner]) =>
    paths(inner, path === '' ? key : `${path}.${key}`),
  )
}

t.test('neither tokens nor payloads are in it', (t) => {
  const text = JSON.stringify(statusOf(proxyState()))
  t.notMatch(text, /[0-9a-f]{64}/)
  t.notMatch(text, /"(token|payload|aps)"/)
  t.end()
})

t.test('alike connections are one row, the busiest first', (t) => {
  const { routes } = statusOf(proxyState())
  t.strictSame(routes[0]?.senders, [
    {
      address: '10.20.4.17',
      tlsVersion: 'TLSv1.2',
      commands: [2],
      connections: 4,
      received: 1_884_000,
    },
    {
      address: '192.168.7.5',
      tlsVersion: 'TLSv1',
      commands: [1],
      connections: 1,
      received: 148_210,
    },
    {
      address: '10.20.4.18',
      tlsVersion: 'TLSv1.2',
      commands: [2],
      connections: 1,
      received: 20_377,
    },
  ])
  t.equal(routes[0]?.connections, 6)
  t.end()
})

t.test('a thousand senders do not make it long', (t) => {
  const receivedByCommand = { 0: 0, 1: 0, 2: 0 }
  const senders = Array.from({ length: 1000 }, (_, n) => ({
    address: `10.0.${n >> 8}.${n & 255}`,
    tlsVersion: 'TLSv1.2',
    receivedByCommand,
  }))
  const [route] = statusOf(proxyState({ routes: [routeState({ senders })] })).routes
  t.equal(route?.connections, 1000)
  t.equal(route?.senders.length, 50)
  t.strictSame(route?.senders[0]?.commands, [])
  t.end()
})

t.test('reasons that were never given are left out, the most frequent comes first', (t) => {
  const counters = tallyOf({ 0: 0, 1: 0, 2: 9 }, {}, { BadTopic: 2, BadDeviceToken: 7 })
  const [route] = statusOf(proxyState({ routes: [routeState({ counters })] })).routes
  t.strictSame(
    route?.rejectedByReason.map(({ reason, count }) => [reason, count]),
    [
      ['BadDeviceToken', 7],
      ['BadTopic', 2],
    ],
  )
  t.end()
})

t.test('what is not known is null, so that it is still there', (t) => {
  const record = { connection: undefined, identifier: undefined, apnsId: undefined }
  const rejections = [{ ...record, atMs: 1, route: 'app', reason: 'BadTopic' }]
  const status = statusOf(proxyState({ now: undefined, rejections }))
  t.equal(status.now, null)
  t.match(status.rejections[0], { connection: null, identifier: null, apnsId: null })
  t.end()
})

t.test('the page explains its numbers in the words of docs/status-page.md', (t) => {
  const page = readFileSync(new URL('../../src/admin/page/route.js', import.meta.url), 'utf8')
  const explained = [...page.matchAll(/^ {4}\['([\w ]+)', .*, '(.+)'\],$/gm)]
  const [, after = ''] = document.split('## Numbers of a route')
  const [section = ''] = after.split('\n## ')
  const documented = [...section.matchAll(/^\| ([A-Z][\w ]+?) *\| (.+?) *\|$/gm)]
  t.equal(explained.length, 12)
  t.strictSame(
    explained.map(([, name, words]) => [name, words]),
    documented.map(([, name, words]) => [name, words]),
  )
  t.end()
})
