/** Which outcomes are called a problem, from which counts on. */
import t from 'tap'
import { RouteOutcomes, outcomeProblems } from '../../src/admin/outcome-problems.ts'
import { healthOf } from '../../src/admin/health.ts'
import { isLogged, isOfOutcomes, knownProblems } from '../../src/admin/known-problem.ts'
import type { Problem } from '../../src/admin/problem.ts'
import type { Outcomes, WindowName } from '../../src/admin/outcome-window.ts'
import { countRejection, newCounters, type RouteCounters } from '../../src/relay/route-counters.ts'
import { proxyState, routeState } from '../fixtures/status-sample.ts'

const nothing: Outcomes = {
  ...{ delivered: 0, unregistered: 0, expired: 0, rejected: 0 },
  rejections: {},
  retries: {},
}

function rejected(reason: string, count: number, more: Partial<Outcomes> = {}): Partial<Outcomes> {
  return { rejected: count, rejections: { [reason]: count }, ...more }
}

function within(windows: Partial<Record<WindowName, Partial<Outcomes>>>) {
  return (name: WindowName): Outcomes => ({ ...nothing, ...windows[name] })
}

/** The same in both windows. */
function both(outcomes: Partial<Outcomes>): Partial<Record<WindowName, Partial<Outcomes>>> {
  return { 'five-minutes': outcomes, hour: outcomes }
}

const rows: readonly {
  readonly name: string
  readonly windows: Partial<Record<WindowName, Partial<Outcomes>>>
  readonly codes: readonly string[]
  readonly what?: string
}[] = [
  { name: 'silence', windows: {}, codes: [] },
  { name: 'deliveries', windows: both({ delivered: 1000 }), codes: [] },
  {
    name: 'a few rejections among deliveries',
    windows: both(rejected('BadDeviceToken', 199, { delivered: 801 })),
    codes: [],
  },
  {
    name: 'a fifth of 100 rejected',
    windows: both(rejected('BadDeviceToken', 20, { delivered: 80 })),
    codes: ['rejected-many'],
    what: '20 of 100 notifications were rejected in the last hour. The most frequent reason: BadDeviceToken (20).',
  },
  {
    name: 'a fifth of 95 rejected',
    windows: both(rejected('BadDeviceToken', 19, { delivered: 76 })),
    codes: [],
  },
  {
    name: 'nine tenths of 20 rejected',
    windows: both(rejected('MissingTopic', 18, { delivered: 2 })),
    codes: ['rejected-nearly-all'],
    what: '18 of 20 notifications were rejected in the last 5 minutes. The most frequent reason: MissingTopic (18).',
  },
  { name: 'all of 4 rejected', windows: both(rejected('MissingTopic', 4)), codes: [] },
  {
    name: 'all of 5 rejected',
    windows: both(rejected('MissingTopic', 5)),
    codes: ['nothing-delivered-in-an-hour'],
    what: 'Nothing was delivered in the last hour: 5 answers, and no delivery. The most frequent: MissingTopic (5).',
  },
  {
    name: 'all of 100 rejected for a reason of tomorrow',
    windows: both(rejected('other', 100)),
    codes: ['rejected-nearly-all'],
    what: '100 of 100 notifications were rejected in the last 5 minutes. The most frequent reason: a reason that this version does not know (100).',
  },
  {
    name: 'all of 100 answered 410',
    windows: both({ unregistered: 100 }),
    codes: ['nothing-delivered'],
    what: 'Nothing is delivered: none of 100 answers in the last 5 minutes was a delivery. The most frequent: Unregistered (100).',
  },
  {
    name: 'half rejected, half 410',
    windows: both(rejected('BadDeviceToken', 10, { unregistered: 10 })),
    codes: ['nothing-delivered'],
  },
  {
    name: '8,000 answers 429',
    windows: both({ retries: { throttled: 8000 } }),
    codes: ['throttled'],
    what: 'APNs throttles this route: 8,000 of 8,000 answers in the last 5 minutes were 429.',
  },
  { name: 'all 5xx', windows: both({ retries: { 'server-error': 20 } }), codes: ['server-errors'] },
  { name: 'no answers', windows: both({ retries: { unanswered: 20 } }), codes: ['unanswered'] },
  {
    name: 'provider tokens that are always too old',
    windows: both({ retries: { 'other-answer': 20 } }),
    codes: ['nothing-delivered'],
  },
  {
    name: 'a fifth sent again',
    windows: both({ delivered: 80, retries: { throttled: 15, unanswered: 5 } }),
    codes: ['retries-many'],
    what: '20 of 100 requests in the last 5 minutes must be sent again. The most frequent cause: 429 (15).',
  },
  {
    name: 'unusually many 410s',
    windows: {
      hour: { delivered: 70, unregistered: 30 },
      'before-the-hour': { delivered: 91, unregistered: 9 },
    },
    codes: ['unregistered-unusually-many'],
    what: 'APNs answered 410 to 30 of 100 notifications in the last hour, much more often than before.',
  },
  {
    name: 'as many 410s as ever',
    windows: {
      hour: { delivered: 70, unregistered: 30 },
      'before-the-hour': { delivered: 89, unregistered: 11 },
    },
    codes: [],
  },
  {
    name: 'one notification that expired',
    windows: both({ delivered: 5000, expired: 1 }),
    codes: ['expired-undelivered'],
    what: '1 of 5,001 notifications expired undelivered in the last hour.',
  },
  {
    name: 'expired after 429s',
    windows: both({ expired: 40, retries: { throttled: 800 } }),
    codes: ['throttled', 'expired-undelivered'],
  },
]

for (const { name, windows, codes, what } of rows)
  t.test(name, (t) => {
    const problems = outcomeProblems('app', within(windows))
    t.strictSame(
      problems.map(({ code }) => code),
      codes,
    )
    t.equal(problems[0]?.what, what ?? problems[0]?.what)
    for (const { route, cure } of problems) {
      t.equal(route, 'app')
      t.match(cure, /^\p{Lu}.*[.”]$/u)
    }
    t.end()
  })

t.test('names the meaning of the most frequent reason as cure', (t) => {
  const rejections = { BadDeviceToken: 5, MissingTopic: 30 }
  const [problem] = outcomeProblems('app', within(both({ rejected: 35, rejections })))
  t.match(problem?.cure, /^The request has no topic: .* Set topic in the route\./)
  t.end()
})

function codesAt(outcomes: RouteOutcomes, counters: RouteCounters, times = 1): string[] {
  let codes: string[] = []
  for (let time = 0; time < times; time++)
    codes = outcomes.judge([{ name: 'app', counters }]).map(({ code }) => code)
  return codes
}

t.test('judges from the counters of the routes, as long as these have them', (t) => {
  const outcomes = new RouteOutcomes()
  const counters = newCounters()
  t.same(codesAt(outcomes, counters), [])
  for (let n = 0; n < 20; n++) countRejection(counters, 'BadTopic')
  t.same(codesAt(outcomes, counters), ['rejected-nearly-all'])
  t.same(codesAt(outcomes, counters, 59), ['rejected-nearly-all'])
  t.same(codesAt(outcomes, counters, 2), ['nothing-delivered-in-an-hour'])
  t.same(codesAt(outcomes, newCounters()), [], 'a new route of this name begins anew')
  t.end()
})

const throttled: Problem = {
  code: 'throttled',
  severity: 'alarm',
  route: 'shop-app',
  what: 'APNs throttles.',
  cure: 'Wait.',
}
const expired: Problem = { ...throttled, code: 'expired-undelivered', severity: 'warning' }

const states = {
  'credential-refused': routeState({ downReason: 'BadCertificate' }),
  'set-up-suspected': routeState({ downReason: 'BadTopic for every token', isSuspicious: true }),
  'no-connection': routeState({ isOut: true }),
  'foreign-answers': routeState({
    foreignAnswer: { reason: 'HTTP 302', atMs: proxyState().atMs },
  }),
}

for (const [code, route] of Object.entries(states))
  t.test(`${code} explains the outcomes of its route`, (t) => {
    const other = { ...throttled, route: 'mdm' }
    const outcomeProblems = [throttled, other, expired]
    const { problems } = healthOf(
      proxyState({ outcomeProblems, routes: [route, routeState({ name: 'mdm' })] }),
    )
    t.strictSame(
      problems.map((problem) => [problem.code, problem.route]),
      [
        [code, 'shop-app'],
        ['throttled', 'mdm'],
        ['expired-undelivered', 'shop-app'],
      ],
    )
    t.end()
  })

t.test('outcomes alone make a proxy unhealthy', (t) => {
  const health = healthOf(proxyState({ routes: [routeState()], outcomeProblems: [throttled] }))
  t.same(health, { level: 'alarm', problems: [throttled] })
  t.end()
})

t.test('each code is known once, and has a log event of its own or not', (t) => {
  const codes = knownProblems.map(({ code }) => code)
  t.equal(new Set(codes).size, codes.length)
  for (const code of codes) t.match(code, /^[a-z0-9]+(-[a-z0-9]+)*$/)
  t.ok(isOfOutcomes(throttled))
  t.notOk(isLogged(throttled))
  t.ok(isLogged({ ...throttled, code: 'credential-refused' }))
  t.notOk(isLogged({ ...throttled, code: 'feedback-unread' }))
  t.notOk(isOfOutcomes({ ...throttled, code: 'credential-refused' }))
  t.end()
})
