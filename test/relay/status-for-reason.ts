import { readFileSync } from 'node:fs'
import t from 'tap'
import { reasons } from '../../src/apns/reason.ts'
import { refusalStatus } from '../../src/binary/notification.ts'
import { statusCodeName } from '../../src/binary/status-code.ts'
import { statusFor } from '../../src/relay/status-for-reason.ts'

const document = readFileSync(new URL('../../docs/mapping.md', import.meta.url), 'utf8')

/** The cells of each table row whose first cell begins with code. */
const rows = document
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

/** Rows by the code in their first cell: reasons have five columns, refusals three. */
function table(columns: number): Map<string, readonly string[]> {
  return new Map(
    rows
      .filter((row) => row.length === columns)
      .map(([first = '', ...rest]) => [/`([\w-]+)`/.exec(first)?.[1] ?? '', rest]),
  )
}

/** Chosen by the meaning of each status code. */
const expected: Readonly<Record<string, number>> = {
  BadDeviceToken: 8,
  BadTopic: 6,
  DeviceTokenNotForTopic: 8,
  MissingDeviceToken: 2,
  MissingTopic: 3,
  PayloadEmpty: 4,
  PayloadTooLarge: 7,
  TopicDisallowed: 3,
}

for (const reason of Object.keys(reasons))
  t.test(`reports ${reason} as status ${expected[reason] ?? 1}`, (t) => {
    t.equal(statusFor(reason), expected[reason] ?? 1)
    t.end()
  })

t.test('reports status 8, after which senders delete the token, for bad tokens only', (t) => {
  t.same(
    Object.keys(reasons).filter((reason) => statusFor(reason) === 8),
    ['BadDeviceToken', 'DeviceTokenNotForTopic'],
  )
  t.end()
})

for (const unknown of ['ReasonOfTomorrow', 'HTTP 400', '', 'toString', '__proto__'])
  t.test(`reports the unknown reason '${unknown}' as a processing error`, (t) => {
    t.equal(statusFor(unknown), 1)
    t.end()
  })

t.test('reports a payload that is too large even if APNs gives no reason', (t) => {
  t.equal(statusFor('HTTP 413'), 7)
  t.equal(statusFor('HTTP 400'), 1)
  t.end()
})

t.test('docs/mapping.md has every reason with its status', (t) => {
  const documented = [...table(5)].map(([reason, [status, meaning, told]]) => ({
    reason,
    status: Number(status),
    meaning,
    told,
  }))
  const actual = Object.entries(reasons).map(([reason, { status, meaning }]) => ({
    reason,
    status: status,
    meaning: meaning,
    told: meaning === 'rejected' ? String(statusFor(reason)) : '–',
  }))
  t.same(documented, actual)
  t.end()
})

t.test('docs/mapping.md has the name of each status', (t) => {
  for (const [status = '', sight = ''] of [...table(5).values()].map((row) => row.slice(2)))
    if (status !== '–' && !sight.startsWith('nothing at first'))
      t.equal(sight, statusCodeName(Number(status)))
  for (const [, [status, name]] of table(3)) t.equal(name, statusCodeName(Number(status)))
  t.end()
})

t.test('docs/mapping.md has every refusal with its status', (t) => {
  const documented = new Map([...table(3)].map(([code, [status]]) => [code, Number(status)]))
  t.equal(documented.get('payload-not-an-object'), 4)
  documented.delete('payload-not-an-object')
  t.same(Object.fromEntries(documented), refusalStatus)
  t.end()
})
