import t from 'tap'
import { giveUpAt, pauseBefore, retryCauseOf, type Unavailable } from '../../src/relay/retry.ts'

const later: Unavailable = { kind: 'unavailable', reason: 'ServiceUnavailable', retry: 'later' }
const now: Unavailable = { kind: 'unavailable', reason: 'Shutdown', retry: 'now' }
const advised: Unavailable = { ...later, retryAfterMs: 5000 }

const least = 0
const most = 1 - 2 ** -53

const pauses = [
  { attempts: 1, from: 250, to: 500 },
  { attempts: 2, from: 500, to: 1000 },
  { attempts: 3, from: 1000, to: 2000 },
  { attempts: 6, from: 8000, to: 16_000 },
  { attempts: 7, from: 15_000, to: 30_000 },
  { attempts: 8, from: 15_000, to: 30_000 },
  { attempts: 5000, from: 15_000, to: 30_000 },
]

for (const { attempts, from, to } of pauses)
  t.test(`the pause before attempt ${attempts + 1} is between ${from} and ${to} ms`, (t) => {
    t.equal(pauseBefore(later, attempts, least, Infinity), from)
    t.ok(pauseBefore(later, attempts, most, Infinity) <= to)
    t.ok(pauseBefore(later, attempts, most, Infinity) > to - 1)
    t.equal(pauseBefore(later, attempts, 0.5, Infinity), (from + to) / 2)
    t.end()
  })

t.test(
  'retries without a pause up to three times in a row if APNs has not processed the request',
  (t) => {
    t.same(
      [1, 2, 3].map((attempts) => pauseBefore(now, attempts, 0.5, Infinity)),
      [0, 0, 0],
    )
    t.equal(pauseBefore(now, 4, least, Infinity), 2000)
    t.end()
  },
)

t.test('pauses for Retry-After, or for its own pause if that is longer', (t) => {
  t.equal(pauseBefore(advised, 1, 0.5, Infinity), 5000)
  t.equal(pauseBefore(advised, 7, least, Infinity), 15_000)
  t.end()
})

t.test('a Retry-After of 0, or in the past, does not shorten the pause', (t) => {
  t.equal(pauseBefore({ ...later, retryAfterMs: 0 }, 1, least, Infinity), 250)
  t.equal(pauseBefore({ ...later, retryAfterMs: -5000 }, 1, least, Infinity), 250)
  t.end()
})

t.test('names the cause of a retry by the answer', (t) => {
  const causeOf = (more: Partial<Unavailable>): string =>
    retryCauseOf({ kind: 'unavailable', reason: 'any', retry: 'later', ...more })
  t.equal(causeOf({ status: 429 }), 'throttled')
  t.equal(causeOf({ status: 500 }), 'server-error')
  t.equal(causeOf({ status: 503 }), 'server-error')
  t.equal(causeOf({ status: 403 }), 'other-answer')
  t.equal(causeOf({ status: 400 }), 'other-answer')
  t.equal(causeOf({}), 'unanswered')
  t.equal(causeOf({ isForeign: true }), 'foreign')
  t.end()
})

const receivedAtMs = 1_000_000_000
const day = 86_400

const limits = [
  { what: 'no expiration: retryForSeconds', expiration: undefined, retryFor: day, after: day },
  { what: 'expiration 0: a minute', expiration: 0, retryFor: day, after: 60 },
  { what: 'one in the past: a minute', expiration: 999_999, retryFor: day, after: 60 },
  { what: 'one within the minute: a minute', expiration: 1_000_059, retryFor: day, after: 60 },
  { what: 'one in an hour: an hour', expiration: 1_003_600, retryFor: day, after: 3600 },
  { what: 'one after retryForSeconds: those', expiration: 0xffffffff, retryFor: day, after: day },
  { what: 'retryForSeconds under a minute hold', expiration: 0, retryFor: 10, after: 10 },
]

for (const { what, expiration, retryFor, after } of limits)
  t.test(`time limit for ${what}`, (t) => {
    t.equal(giveUpAt(receivedAtMs, expiration, retryFor), receivedAtMs + after * 1000)
    t.end()
  })
