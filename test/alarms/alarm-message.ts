/** The words of an alarm. */
import t from 'tap'
import { messageAbout, testMessage } from '../../src/alarms/alarm-message.ts'
import { appeared, cleared } from '../fixtures/alarm-receiver.ts'

const proxy = { name: 'gate-1', version: '1.2.3' }
const atMs = Date.UTC(2021, 2, 31)

t.test('a problem that has appeared: one line with what and cure', (t) => {
  const { id, ...message } = messageAbout(appeared('credential-refused', atMs), proxy)
  t.match(id, /^[\da-f-]{36}$/)
  t.same(message, {
    text: 'apns-legacy-proxy on gate-1: alarm, route mdm: APNs refuses the credential of this route. Renew it.',
    event: 'problem.appeared',
    code: 'credential-refused',
    severity: 'alarm',
    route: 'mdm',
    what: 'APNs refuses the credential of this route.',
    cure: 'Renew it.',
    at: '2021-03-31T00:00:00.000Z',
    proxy,
  })
  t.end()
})

const durations = [
  [90_400, 90, '90 s'],
  [720_000, 720, '12 min'],
  [3 * 3_600_000, 10_800, '3 h'],
] as const

for (const [lastedMs, lastedSeconds, words] of durations)
  t.test(`a problem that has cleared tells how long it lasted: ${words}`, (t) => {
    const message = messageAbout(cleared('credential-refused', atMs, lastedMs), proxy)
    t.match(message, {
      event: 'problem.cleared',
      lastedSeconds,
      text: `apns-legacy-proxy on gate-1: solved after ${words}, route mdm. It was: APNs refuses the credential of this route.`,
    })
    t.end()
  })

t.test('a problem of the whole proxy names no route', (t) => {
  const { problem } = appeared()
  const { code, severity, what, cure } = problem
  const whole = { code, severity, what, cure }
  const message = messageAbout({ event: 'problem.appeared', atMs, problem: whole }, proxy)
  t.notOk('route' in message)
  t.match(message.text, 'gate-1: alarm: APNs')
  t.end()
})

t.test('the text is one line, and begins no command of Slack', (t) => {
  const { problem } = appeared()
  const what = 'a program answers:\r\n<!channel> \u0000look'
  const message = messageAbout(
    { event: 'problem.appeared', atMs, problem: { ...problem, what } },
    proxy,
  )
  t.match(message.text, 'a program answers: ‹!channel› look Renew it.')
  t.end()
})

t.test('a test says that it is one', (t) => {
  t.match(testMessage(proxy, atMs), {
    text: 'test alarm of apns-legacy-proxy on gate-1',
    event: 'test',
    at: '2021-03-31T00:00:00.000Z',
  })
  t.end()
})
