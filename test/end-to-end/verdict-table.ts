/**
 * What follows from each answer of APNs, and of programs on the way to APNs: for the sender, the log, the
 * counts and the verdict. 100 notifications for 100 tokens; after a minute the test looks. Expected values
 * are written by hand, from docs/delivery.md, docs/mapping.md and docs/operating.md.
 */
import t from 'tap'
import type { reasons } from '../../src/apns/reason.ts'
import type { RouteCounters } from '../../src/relay/route-counters.ts'
import { play } from '../fixtures/scripted-route.ts'

/** Expected after a minute. Nothing that is left out is expected. */
interface Expected {
  /** The sender is told so, of the first rejected notification. */
  readonly status?: number
  /** Still owned: neither delivered nor told. */
  readonly held?: number
  readonly delivered?: number
  readonly unregistered?: number
  readonly rejected?: number
  /** Log events, without those of connections and sessions. */
  readonly log: readonly string[]
  readonly codes?: readonly string[]
}

interface Row {
  /** Every answer is this one. */
  readonly all: Expected
  /** The same for a route that has never delivered; as `all` if left out. */
  readonly allUnproven?: Expected
  /** Every twentieth answer is this one. A route that is unproven logs `route.proven` too. */
  readonly some: Expected
  /** The metric that counts the answers, as `metric label`. */
  readonly metric?: string
}

const told = ['error-response.sent', 'notification.rejected']

/** The notification is to blame, and nothing else. */
function rejects(status: number): Row {
  return {
    all: {
      ...{ status, rejected: 100 },
      log: [...told, 'problem.appeared'],
      codes: ['rejected-nearly-all'],
    },
    some: { status, rejected: 5, delivered: 95, log: told },
  }
}

/** A wrong set-up may be to blame: D17 holds back. */
function suspects(status: number): Row {
  const suspected = { log: [...told, 'route.suspected'], codes: ['set-up-suspected'] }
  return {
    all: { status, rejected: 29, held: 71, ...suspected },
    allUnproven: { status, rejected: 2, held: 98, ...suspected },
    some: { status, rejected: 5, delivered: 95, log: told },
  }
}

/** Nobody is told, and the proxy sends again. */
function retries(code: string, cause: string): Row {
  return {
    all: { held: 100, log: ['problem.appeared'], codes: [code] },
    some: { held: 5, delivered: 95, log: ['problem.appeared'], codes: ['retries-many'] },
    metric: `retries_total ${cause}`,
  }
}

const refused: Row = {
  all: { held: 100, log: ['route.down'], codes: ['credential-refused'] },
  some: {
    ...{ held: 5, delivered: 95 },
    log: ['route.down', 'route.up'],
    codes: ['credential-refused'],
  },
}

const gone: Row = {
  all: {
    unregistered: 100,
    log: ['notification.unregistered', 'problem.appeared'],
    codes: ['nothing-delivered'],
  },
  allUnproven: {
    ...{ unregistered: 2, held: 98 },
    log: ['notification.unregistered', 'route.suspected'],
    codes: ['set-up-suspected'],
  },
  some: { unregistered: 5, delivered: 95, log: ['notification.unregistered'] },
  metric: 'notifications_settled_total unregistered',
}

const foreign: Row = {
  all: { held: 100, log: ['answer.foreign'], codes: ['foreign-answers'] },
  some: { held: 5, delivered: 95, log: ['answer.foreign'], codes: ['foreign-answers'] },
  metric: 'retries_total foreign',
}

/** By reason of APNs. */
const byReason: Readonly<Record<keyof typeof reasons, readonly [status: number, row: Row]>> = {
  BadCollapseId: [400, rejects(1)],
  BadDeviceToken: [400, suspects(8)],
  BadExpirationDate: [400, rejects(1)],
  BadMessageId: [400, rejects(1)],
  BadPriority: [400, rejects(1)],
  BadTopic: [400, suspects(6)],
  DeviceTokenNotForTopic: [400, suspects(8)],
  DuplicateHeaders: [400, rejects(1)],
  IdleTimeout: [400, retries('nothing-delivered', 'other-answer')],
  InvalidPushType: [400, rejects(1)],
  MissingDeviceToken: [400, rejects(2)],
  MissingTopic: [400, suspects(3)],
  PayloadEmpty: [400, rejects(4)],
  TopicDisallowed: [400, suspects(3)],
  BadCertificate: [403, refused],
  BadCertificateEnvironment: [403, refused],
  BadEnvironmentKeyIdInToken: [403, refused],
  ExpiredProviderToken: [403, retries('nothing-delivered', 'other-answer')],
  Forbidden: [403, refused],
  InvalidProviderToken: [403, refused],
  MissingProviderToken: [403, refused],
  UnrelatedKeyIdInToken: [403, refused],
  BadPath: [404, suspects(1)],
  MethodNotAllowed: [405, rejects(1)],
  ExpiredToken: [410, gone],
  Unregistered: [410, gone],
  PayloadTooLarge: [413, rejects(7)],
  TooManyProviderTokenUpdates: [429, retries('throttled', 'throttled')],
  TooManyRequests: [429, retries('throttled', 'throttled')],
  InternalServerError: [500, retries('server-errors', 'server-error')],
  ServiceUnavailable: [503, retries('server-errors', 'server-error')],
  Shutdown: [503, retries('server-errors', 'server-error')],
}

const page = '<html><body>Sign in to the network</body></html>'

/** Answers without a reason. */
const others: readonly (readonly [
  name: string,
  status: number,
  body: string,
  hasApnsId: boolean,
  row: Row,
])[] = [
  ['201 on the way', 201, '', false, foreign],
  ['204 on the way', 204, '', false, foreign],
  ['302 on the way', 302, '', false, foreign],
  ['401 on the way', 401, '', false, foreign],
  ['404 on the way', 404, '', false, foreign],
  ['407 on the way', 407, '', false, foreign],
  ['421 on the way', 421, '', false, foreign],
  ['429 on the way', 429, '', false, foreign],
  ['451 on the way', 451, '', false, foreign],
  ['503 on the way', 503, '', false, foreign],
  ['an HTML page with 200', 200, page, false, foreign],
  ['an HTML page with 404', 404, page, false, foreign],
  [
    '404 of APNs without a body',
    404,
    '',
    true,
    { ...rejects(1), metric: 'rejections_total other' },
  ],
  ['429 of APNs without a body', 429, '', true, retries('throttled', 'throttled')],
  ['500 of APNs without a body', 500, '', true, retries('server-errors', 'server-error')],
]

const rows = [
  ...Object.entries(byReason).map(([reason, [status, row]]) => {
    const response = { status, body: JSON.stringify({ reason }), hasApnsId: true }
    const metric = row.metric ?? (row === refused ? undefined : `rejections_total ${reason}`)
    return { name: `${status} ${reason}`, response, row: { ...row, metric } }
  }),
  ...others.map(([name, status, body, hasApnsId, row]) => {
    return { name, response: { status, body, hasApnsId }, row }
  }),
]

/** The value of a metric, named as `metric label`. */
function valueOf({ settled, rejections, retries }: RouteCounters, metric: string): number {
  const [name = '', label = ''] = metric.split(' ')
  const counts: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    notifications_settled_total: settled,
    rejections_total: rejections,
    retries_total: retries,
  }
  return counts[name]?.[label] ?? NaN
}

/** Connections and sessions have events of their own. */
function isOfNotifications(event: string): boolean {
  return !event.startsWith('connection.') && !event.startsWith('session.')
}

for (const { name, response, row } of rows)
  for (const { share, every } of [
    { share: 'all', every: 1 },
    { share: '5 %', every: 20 },
  ] as const)
    for (const isProven of [true, false])
      t.test(`${name}, ${share}, ${isProven ? 'proven' : 'unproven'}`, (t) => {
        const script = (token: number): typeof response | undefined =>
          token % every === 0 ? response : undefined
        const { packet, relay, log, problems } = play(script, isProven, 100, 60_000)
        const { counters, owned } = relay
        const ofAll = isProven ? row.all : (row.allUnproven ?? row.all)
        const expected = every === 1 ? ofAll : row.some

        const first = every.toString(16).padStart(8, '0')
        const status = expected.status?.toString(16).padStart(2, '0')
        t.equal(packet, status === undefined ? '' : `08${status}${first}`, 'the packet')
        t.equal(owned, expected.held ?? 0, 'held')
        t.equal(counters.settled.delivered, expected.delivered ?? 0, 'delivered')
        t.equal(counters.settled.unregistered, expected.unregistered ?? 0, 'unregistered')
        const { rejected, untold, resent } = counters.settled
        t.equal(rejected + untold, expected.rejected ?? 0, 'rejected, told or not')
        t.equal(rejected, expected.status === undefined ? 0 : 1, 'told')
        t.equal(resent, 0)
        if (row.metric !== undefined) {
          const value = valueOf(counters, row.metric)
          const exact = expected.rejected ?? expected.unregistered
          if (exact === undefined) t.ok(value >= (expected.held ?? NaN), `${row.metric} ${value}`)
          else t.equal(value, exact, row.metric)
        }

        const events = new Set(
          log.lines.map(({ event }) => String(event)).filter(isOfNotifications),
        )
        const proof = !isProven && every > 1 ? ['route.proven'] : []
        t.strictSame([...events].sort(), [...expected.log, ...proof].sort(), 'the log')
        t.strictSame(
          problems.map(({ code }) => code),
          expected.codes ?? [],
          'the codes',
        )
        const logged = log.lines.filter(({ event }) => event === 'problem.appeared')
        for (const line of logged)
          t.match(line, {
            level: problems[0]?.severity === 'alarm' ? 'error' : 'warn',
            code: problems[0]?.code,
            route: 'app',
            what: String,
            cure: String,
          })
        t.ok(logged.length <= 1)
        t.end()
      })
