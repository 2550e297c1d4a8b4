import t from 'tap'
import {
  meaningOf,
  reasonRow,
  reasons,
  type Meaning,
  type ReasonRow,
} from '../../src/apns/reason.ts'

/** Apple's table, "Handling notification responses from APNs". */
const appleTable: Readonly<Record<string, readonly string[]>> = {
  400: [
    'BadCollapseId',
    'BadDeviceToken',
    'BadExpirationDate',
    'BadMessageId',
    'BadPriority',
    'BadTopic',
    'DeviceTokenNotForTopic',
    'DuplicateHeaders',
    'IdleTimeout',
    'InvalidPushType',
    'MissingDeviceToken',
    'MissingTopic',
    'PayloadEmpty',
    'TopicDisallowed',
  ],
  403: [
    'BadCertificate',
    'BadCertificateEnvironment',
    'BadEnvironmentKeyIdInToken',
    'ExpiredProviderToken',
    'Forbidden',
    'InvalidProviderToken',
    'MissingProviderToken',
    'UnrelatedKeyIdInToken',
  ],
  404: ['BadPath'],
  405: ['MethodNotAllowed'],
  410: ['ExpiredToken', 'Unregistered'],
  413: ['PayloadTooLarge'],
  429: ['TooManyProviderTokenUpdates', 'TooManyRequests'],
  500: ['InternalServerError'],
  503: ['ServiceUnavailable', 'Shutdown'],
}

t.test('knows the reasons that Apple documents, each with its status', (t) => {
  const documented = Object.entries(appleTable).flatMap(([status, names]) =>
    names.map((name) => [name, Number(status)] as const),
  )
  const known = Object.entries(reasons).map(([reason, { status }]) => [reason, status] as const)
  t.same(Object.fromEntries(known), Object.fromEntries(documented))
  t.end()
})

/** All other reasons are `rejected` without amendment. */
const special: Readonly<Record<string, Pick<ReasonRow, 'meaning' | 'amendment'>>> = {
  BadExpirationDate: { meaning: 'rejected', amendment: 'without-expiration' },
  BadPriority: { meaning: 'rejected', amendment: 'power-saving' },
  InvalidPushType: { meaning: 'rejected', amendment: 'without-push-type' },
  IdleTimeout: { meaning: 'retry-now' },
  BadCertificate: { meaning: 'credential' },
  BadCertificateEnvironment: { meaning: 'credential' },
  BadEnvironmentKeyIdInToken: { meaning: 'credential' },
  ExpiredProviderToken: { meaning: 'stale-provider-token' },
  Forbidden: { meaning: 'credential' },
  InvalidProviderToken: { meaning: 'credential' },
  MissingProviderToken: { meaning: 'credential' },
  UnrelatedKeyIdInToken: { meaning: 'credential' },
  ExpiredToken: { meaning: 'unregistered' },
  Unregistered: { meaning: 'unregistered' },
  TooManyProviderTokenUpdates: { meaning: 'retry-later' },
  TooManyRequests: { meaning: 'retry-later' },
  InternalServerError: { meaning: 'retry-later' },
  ServiceUnavailable: { meaning: 'retry-later' },
  Shutdown: { meaning: 'retry-now' },
}

for (const [reason, row] of Object.entries(reasons)) {
  const { status } = row
  const { meaning, amendment } = special[reason] ?? { meaning: 'rejected' }
  t.test(`${reason}: ${meaning}${amendment === undefined ? '' : `, ${amendment}`}`, (t) => {
    const expected = { status, meaning, ...(amendment !== undefined && { amendment }) }
    t.strictSame(reasonRow(status, reason), expected)
    t.equal(meaningOf(reason), meaning)
    t.end()
  })
}

t.test('a known reason has the same meaning with any status', (t) => {
  t.equal(reasonRow(499, 'Unregistered').meaning, 'unregistered')
  t.equal(meaningOf('Unregistered'), 'unregistered')
  t.end()
})

const statuses: readonly (readonly [number, Meaning])[] = [
  [400, 'rejected'],
  [403, 'credential'],
  [404, 'rejected'],
  [410, 'unregistered'],
  [413, 'rejected'],
  [418, 'rejected'],
  [429, 'retry-later'],
  [500, 'retry-later'],
  [502, 'retry-later'],
  [503, 'retry-later'],
  [599, 'retry-later'],
]

for (const [status, meaning] of statuses)
  t.test(`status ${status} with an unknown reason, or none, is ${meaning}`, (t) => {
    t.same(reasonRow(status, 'ReasonOfTomorrow'), { status, meaning })
    t.same(reasonRow(status, undefined), { status, meaning })
    t.end()
  })

t.test('inherited property names are unknown reasons', (t) => {
  for (const name of ['toString', 'constructor', '__proto__']) {
    t.equal(meaningOf(name), undefined)
    t.same(reasonRow(400, name), { status: 400, meaning: 'rejected' })
  }
  t.end()
})
