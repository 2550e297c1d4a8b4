/** From which counts on the outcomes of a route are a problem: one table. */
import type { RetryCause } from '../relay/route-counters.ts'
import {
  answersOf,
  endingsOf,
  type Counts,
  type Outcomes,
  type WindowName,
} from './outcome-window.ts'
import type { Severity } from './problem.ts'

/** The texts of a problem have these. */
export interface OutcomeFacts {
  readonly count: string
  readonly total: string
  /** The most frequent cause among what the row counts, with its count. */
  readonly most: string
  /** What this cause means, and the remedy. */
  readonly meaning: string
}

export interface OutcomeThreshold {
  readonly code: string
  readonly severity: Severity
  readonly window: Exclude<WindowName, 'before-the-hour'>
  /** `answers` include those after which the proxy sends again; `endings` are final. */
  readonly of: 'answers' | 'endings'
  /** With fewer of these, there is no problem. */
  readonly minimum: number
  /** Of these; from this share on, there is a problem. 0: one is enough. */
  readonly share: number
  /** The share is also so many times the share in the time before the hour. */
  readonly timesUsual?: number
  /** What the row counts, by cause. */
  readonly counted: (outcomes: Outcomes) => Counts
  readonly what: (facts: OutcomeFacts) => string
  readonly cure: (facts: OutcomeFacts) => string
  /** Problems that say the same with a better cause: while there is one, this is left out. */
  readonly unless: readonly string[]
}

const allAlarms = ['rejected-nearly-all', 'throttled', 'server-errors', 'unanswered']

/** A problem is reported when it is true twice, 5 s apart, and cleared when it was false for 60 s. */
export const outcomeThresholds: readonly OutcomeThreshold[] = [
  {
    code: 'nothing-delivered',
    severity: 'alarm',
    ...{ window: 'five-minutes', of: 'answers', minimum: 20, share: 1 },
    counted: undelivered,
    what: ({ total, most }) =>
      `Nothing is delivered: none of ${total} answers in the last 5 minutes was a delivery. The most frequent: ${most}.`,
    cure: suspectRoute,
    unless: allAlarms,
  },
  {
    code: 'nothing-delivered-in-an-hour',
    severity: 'warning',
    ...{ window: 'hour', of: 'answers', minimum: 5, share: 1 },
    counted: undelivered,
    what: ({ total, most }) =>
      `Nothing was delivered in the last hour: ${total} answers, and no delivery. The most frequent: ${most}.`,
    cure: suspectRoute,
    unless: [...allAlarms, 'nothing-delivered'],
  },
  {
    code: 'rejected-nearly-all',
    severity: 'alarm',
    ...{ window: 'five-minutes', of: 'endings', minimum: 20, share: 0.9 },
    counted: ({ rejections }) => rejections,
    what: ({ count, total, most }) =>
      `${count} of ${total} notifications were rejected in the last 5 minutes. The most frequent reason: ${most}.`,
    cure: suspectRoute,
    unless: [],
  },
  {
    code: 'rejected-many',
    severity: 'warning',
    ...{ window: 'hour', of: 'endings', minimum: 100, share: 0.2 },
    counted: ({ rejections }) => rejections,
    what: ({ count, total, most }) =>
      `${count} of ${total} notifications were rejected in the last hour. The most frequent reason: ${most}.`,
    cure: ({ meaning }) => meaning,
    unless: [...allAlarms, 'nothing-delivered', 'nothing-delivered-in-an-hour'],
  },
  {
    code: 'throttled',
    severity: 'alarm',
    ...{ window: 'five-minutes', of: 'answers', minimum: 20, share: 0.9 },
    counted: ({ retries: { throttled = 0 } }) => ({ throttled }),
    what: ({ count, total }) =>
      `APNs throttles this route: ${count} of ${total} answers in the last 5 minutes were 429.`,
    cure: () =>
      'Let the senders send less often to the same device. With a signing key, check whether another program renews provider tokens with it. The proxy retries by itself.',
    unless: [],
  },
  {
    code: 'server-errors',
    severity: 'alarm',
    ...{ window: 'five-minutes', of: 'answers', minimum: 20, share: 0.9 },
    counted: ({ retries }) => ({ 'server-error': retries['server-error'] ?? 0 }),
    what: ({ count, total }) =>
      `APNs has trouble: ${count} of ${total} answers in the last 5 minutes were 5xx.`,
    cure: () => 'See Apple’s page of the system status. The proxy retries by itself.',
    unless: [],
  },
  {
    code: 'unanswered',
    severity: 'alarm',
    ...{ window: 'five-minutes', of: 'answers', minimum: 20, share: 0.9 },
    counted: ({ retries: { unanswered = 0 } }) => ({ unanswered }),
    what: ({ count, total }) =>
      `APNs does not answer: ${count} of ${total} requests in the last 5 minutes had no answer.`,
    cure: () =>
      'Check network, firewall and HTTP proxy: connections to APNs open, and then break or stay silent. The log has the cause, as session.closed.',
    unless: [],
  },
  {
    code: 'retries-many',
    severity: 'warning',
    ...{ window: 'five-minutes', of: 'answers', minimum: 100, share: 0.2 },
    counted: ({ retries }) => retries,
    what: ({ count, total, most }) =>
      `${count} of ${total} requests in the last 5 minutes must be sent again. The most frequent cause: ${most}.`,
    cure: ({ meaning }) => meaning,
    unless: [...allAlarms, 'nothing-delivered'],
  },
  {
    code: 'unregistered-unusually-many',
    severity: 'warning',
    ...{ window: 'hour', of: 'endings', minimum: 100, share: 0.2, timesUsual: 3 },
    counted: ({ unregistered }) => ({ Unregistered: unregistered }),
    what: ({ count, total }) =>
      `APNs answered 410 to ${count} of ${total} notifications in the last hour, much more often than before.`,
    cure: () =>
      'Check whether the app was replaced or withdrawn, and whether topic and environment of the route fit the tokens. Let the sender read the feedback port and delete the tokens.',
    unless: ['nothing-delivered', 'nothing-delivered-in-an-hour'],
  },
  {
    code: 'expired-undelivered',
    severity: 'warning',
    ...{ window: 'hour', of: 'endings', minimum: 1, share: 0 },
    counted: ({ expired }) => ({ expired }),
    what: ({ count, total }) =>
      `${count} of ${total} notifications expired undelivered in the last hour.`,
    cure: () =>
      'Find the outage in the log, as route.down, session.closed or answer.foreign. If APNs was too slow, raise retryForSeconds, or let the sender set a later expiration.',
    unless: [],
  },
]

function suspectRoute({ meaning }: OutcomeFacts): string {
  return `${meaning} If that is not the cause, check credential, topic and environment of the route.`
}

/** By what the share of a row is taken. */
export const totals: Readonly<Record<OutcomeThreshold['of'], (outcomes: Outcomes) => number>> = {
  answers: answersOf,
  endings: endingsOf,
}

function undelivered({ rejections, unregistered, retries }: Outcomes): Counts {
  return { ...rejections, Unregistered: unregistered, ...retries }
}

/** What a cause of retries is called, and what it means. The others are reasons. */
export const retryWords: Readonly<Record<RetryCause, readonly [name: string, meaning: string]>> = {
  throttled: ['429', 'APNs throttles the route. Let the senders send less often to one device.'],
  'server-error': ['5xx', 'APNs has trouble. See Apple’s page of the system status.'],
  foreign: [
    'an answer that is not APNs’',
    'A program on the way to APNs answers. Correct the HTTP proxy, firewall or portal.',
  ],
  unanswered: ['no answer', 'Check network, firewall and HTTP proxy on the way to APNs.'],
  'other-answer': [
    'another answer after which the proxy sends again',
    'Set the clock of this machine, and check the signing key: APNs may find every provider token too old.',
  ],
}
