/** The status page: shows the status that the proxy sends every second. */
import { element, show } from './markup.js'
import { overruleOnClick } from './overrule.js'
import { Plot } from './plot.js'
import { rejectionList } from './rejection.js'
import { routeArticle } from './route.js'
import { senderList } from './sender.js'
import { counted, duration, latency, rate, timeOf } from './wording.js'

/** @typedef {import('../status.ts').Status} Status */
/** @typedef {import('../traffic-history.ts').TrafficSample} TrafficSample */

const keptSamples = 3600
/** After this time without an event, the page is out of date. */
const staleMs = 5000
const retryMs = 5000
/** The migration report changes slowly. */
const reportMs = 60_000

const marks = { healthy: '●', warning: '▲', alarm: '■', silent: '○' }

const throughput = new Plot('Throughput', 'per second', [
  line(
    'Received',
    '--first',
    false,
    (samples) => mean(samples.map(({ received }) => received)),
    inRate,
  ),
  line(
    'Delivered',
    '--second',
    true,
    (samples) => mean(samples.map(({ delivered }) => delivered)),
    inRate,
  ),
])
const answers = new Plot('Latency', 'ms from request to answer', [
  line('Median', '--second', true, (samples) => mean(known(samples, 'latencyP50Ms')), latency),
  line(
    '99th percentile',
    '--first',
    false,
    (samples) => max(known(samples, 'latencyP99Ms')),
    latency,
  ),
])

/** @type {TrafficSample[]} */
let history = []
let heardAtMs = Date.now()

show(at('plots'), throughput.figure, answers.figure)
overruleOnClick(at('route-list'))
listen()
setInterval(noticeSilence, 1000)
void showReport()
setInterval(() => void showReport(), reportMs)

function listen() {
  const events = new EventSource('api/events')
  events.addEventListener('history', (event) => {
    history = /** @type {TrafficSample[]} */ (parsed(event))
    drawPlots()
  })
  events.addEventListener('status', (event) => {
    heardAtMs = Date.now()
    take(/** @type {Status} */ (parsed(event)))
  })
  events.addEventListener('error', () => {
    if (events.readyState !== EventSource.CLOSED) return
    events.close()
    setTimeout(listen, retryMs)
  })
}

/**
 * @param {{ readonly data: unknown }} event
 * @returns {unknown}
 */
function parsed({ data }) {
  return JSON.parse(String(data))
}

/** @param {Status} next */
function take(next) {
  if (next.now !== null && next.now.atMs !== history.at(-1)?.atMs) {
    history.push(next.now)
    if (history.length > keptSamples) history.shift()
    drawPlots()
  }
  showVerdict(next)
  at('rehearsal').hidden = !next.rehearsal
  showContents(next)
  show(
    at('route-list'),
    ...next.routes.map((route, index) => routeArticle(route, index, next.atMs)),
  )
  show(at('rejection-list'), rejectionList(next.rejections, next.atMs))
}

async function showReport() {
  try {
    const response = await fetch('api/report')
    if (!response.ok) return
    const report = /** @type {import('../../statistics/migration-report.ts').Report} */ (
      parsed({ data: await response.text() })
    )
    show(at('sender-list'), senderList(report))
  } catch {
    // The headline already says that the proxy does not answer.
  }
}

function drawPlots() {
  throughput.show(history)
  answers.show(history)
}

function noticeSilence() {
  if (Date.now() - heardAtMs < staleMs) return
  headline('silent', `No answer from the proxy since ${timeOf(heardAtMs)}`)
  show(
    at('summary'),
    document.createTextNode('The page shows the state of that time, and tries to connect again.'),
  )
}

/** @param {Status} status */
function showVerdict({ verdict, routes, startedAtMs, atMs }) {
  const { level, problems } = verdict
  headline(level, inWords(verdict))
  const connections = routes.reduce((sum, route) => sum + route.connections, 0)
  const up = routes.filter(({ up, suspected }) => up && !suspected).length
  const facts = [
    up === routes.length
      ? `${counted(up, 'route')} up`
      : `${up} of ${counted(routes.length, 'route')} up`,
    counted(connections, 'sender connection'),
    `running for ${duration(atMs - startedAtMs)}`,
  ]
  show(at('summary'), document.createTextNode(facts.join(' · ')))
  show(
    at('problems'),
    ...problems.map(({ severity, route, what, cure }) =>
      element(
        'li',
        { class: severity },
        element(
          'p',
          {},
          element('span', { class: 'severity' }, severity === 'alarm' ? 'Alarm' : 'Warning'),
          route && element('b', {}, route),
          ' ',
          what,
        ),
        element('p', { class: 'cure' }, cure),
      ),
    ),
  )
}

/** @param {Status['verdict']} verdict */
function inWords({ level, problems }) {
  const alarms = problems.filter(({ severity }) => severity === 'alarm').length
  const warnings = problems.length - alarms
  const parts = [
    alarms > 0 && counted(alarms, 'alarm'),
    warnings > 0 && counted(warnings, 'warning'),
  ]
  const found = parts.filter(Boolean).join(', ')
  if (level === 'healthy') return 'Healthy'
  return level === 'alarm' ? `Not healthy: ${found}` : `Working, with ${found}`
}

/**
 * @param {keyof typeof marks} level
 * @param {string} text
 */
function headline(level, text) {
  document.body.className = level
  document.title = `${marks[level]} ${text} · apns-legacy-proxy`
  show(
    at('headline'),
    element('span', { class: 'mark', 'aria-hidden': 'true' }, marks[level]),
    document.createTextNode(text),
  )
}

/** @param {Status} status */
function showContents({ routes, rejections }) {
  const links = [
    ...routes.map(({ name }, index) => element('a', { href: `#route-${index}` }, name)),
    element(
      'a',
      { href: '#rejections' },
      rejections.length === 0 ? 'Rejections' : 'Last rejections',
    ),
    element('a', { href: '#senders' }, 'Senders'),
  ]
  show(at('contents'), ...links)
}

/** @param {string} id */
function at(id) {
  const element = document.getElementById(id)
  if (element === null) throw new TypeError(`no #${id}`)
  return element
}

/**
 * @param {string} name
 * @param {string} colour
 * @param {boolean} filled
 * @param {(samples: readonly TrafficSample[]) => number | null} value
 * @param {(value: number | null | undefined) => string} format
 */
function line(name, colour, filled, value, format) {
  return { name, colour, filled, value, format }
}

/**
 * @param {readonly TrafficSample[]} samples
 * @param {'latencyP50Ms' | 'latencyP99Ms'} key
 */
function known(samples, key) {
  return samples.map((sample) => sample[key]).filter((value) => value !== null)
}

/** @param {readonly number[]} values */
function mean(values) {
  if (values.length === 0) return null
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** @param {readonly number[]} values */
function max(values) {
  return values.length === 0 ? null : Math.max(...values)
}

/** @param {number | null | undefined} value */
function inRate(value) {
  return value === null || value === undefined ? '–' : rate(value)
}
