/** Shows one route. */
import { element } from './markup.js'
import { overruleButton } from './overrule.js'
import { count, counted, dayOf, duration } from './wording.js'

/** @typedef {import('../status.ts').RouteStatus} RouteStatus */

const dayMs = 24 * 60 * 60 * 1000

/**
 * @param {RouteStatus} route
 * @param {number} index
 * @param {number} atMs
 */
export function routeArticle(route, index, atMs) {
  const { name, topic, environment } = route
  return element(
    'article',
    { id: `route-${index}`, tabindex: -1, 'aria-labelledby': `route-${index}-name` },
    element(
      'header',
      {},
      element('h3', { id: `route-${index}-name` }, name),
      element('p', { class: isWell(route) ? 'state up' : 'state down' }, stateOf(route)),
      element('p', { class: 'topic' }, topic, ' · ', environment),
      route.suspected && overruleButton(route),
    ),
    numbers(route),
    element(
      'div',
      { class: 'details' },
      senders(route),
      rejections(route),
      sessions(route),
      credential(route, atMs),
    ),
  )
}

/** @param {RouteStatus} route */
function isWell({ up, suspected }) {
  return up && !suspected
}

/** @param {RouteStatus} route */
function stateOf({ up, downReason, suspected, overruled, proven }) {
  if (suspected) return `suspected: ${downReason}`
  if (up && overruled) return 'up, suspicion overruled'
  if (up) return proven ? 'up' : 'up, nothing delivered so far'
  return downReason === null ? 'not connected' : `refused: ${downReason}`
}

/**
 * Some counts are always shown, the others only if they are not zero.
 * @param {RouteStatus} route
 */
function numbers(route) {
  const { received, settled, inFlight, waiting, owned, retries, feedback } = route
  /** @type {readonly [string, number, string][]} */
  const always = [
    ['Received', received, 'notifications from senders'],
    ['Delivered', settled.delivered, 'accepted by APNs'],
    ['In flight', inFlight, 'requests sent to APNs and not yet answered'],
    ['Owned', owned, 'received and not settled yet: the proxy delivers or reports them'],
    ['Rejected', rejectedOf(route), 'by APNs or the proxy; the table of reasons adds up to this'],
    ['Feedback waiting', feedback.waiting, 'tokens for the next reader of the feedback service'],
  ]
  /** @type {readonly [string, number, string][]} */
  const sometimes = [
    ['Unregistered', settled.unregistered, 'answered 410, for the feedback service; not rejected'],
    ['Untold', settled.untold, 'of the rejected: no error response could name them'],
    ['Waiting', waiting, 'requests that wait for room in a session'],
    ['Retries', retries, 'requests sent again'],
    ['Resent', settled.resent, 'second copies, not delivered again'],
    ['Expired', settled.expired, 'given up undelivered: their time was over'],
  ]
  const shown = [...always, ...sometimes.filter(([, value]) => value > 0)]
  return element(
    'div',
    {},
    element('dl', { class: 'numbers' }, ...shown.map(number)),
    explanations(shown.filter(([name]) => explained.includes(name))),
  )
}

/** Names that are explained beside the numbers too: a telephone shows no titles. */
const explained = ['Owned', 'Rejected', 'Unregistered', 'Untold', 'Resent', 'Expired']

/** @param {readonly [string, number, string]} entry */
function number([name, value, explanation]) {
  return element(
    'div',
    { class: value === 0 ? 'zero' : 'some', title: explanation },
    element('dt', {}, name),
    element('dd', {}, count(value)),
  )
}

/** @param {readonly (readonly [string, number, string])[]} entries */
function explanations(entries) {
  return element(
    'p',
    { class: 'explanation' },
    ...entries.flatMap(([name, , explanation]) => [element('b', {}, name), ` ${explanation}. `]),
  )
}

/**
 * Told, untold, or not decided yet.
 * @param {RouteStatus} route
 */
function rejectedOf({ rejectedByReason }) {
  return rejectedByReason.reduce((sum, { count: times }) => sum + times, 0)
}

/** @param {RouteStatus} route */
function senders({ senders, connections }) {
  const title = element(
    'h4',
    {},
    connections === 0 ? 'Senders' : `Senders · ${counted(connections, 'connection')}`,
  )
  if (senders.length === 0) return element('section', {}, title, nothing('Nobody is connected.'))
  const head = ['Address', 'TLS', 'Command', 'Conn.', 'Received']
  const rows = senders.map(({ address, tlsVersion, commands, connections, received }) => [
    address,
    tlsVersion.replace('TLSv', '').replace(/^1$/, '1.0'),
    commands.join(', ') || 'none yet',
    count(connections),
    count(received),
  ])
  return element('section', {}, title, table(head, rows, 3))
}

/** @param {RouteStatus} route */
function rejections(route) {
  const { rejectedByReason, settled } = route
  const title = element('h4', {}, 'Rejected, by reason')
  if (rejectedByReason.length === 0) return element('section', {}, title, nothing('None.'))
  const rows = rejectedByReason.map(({ reason, count: times, meaning }) => [
    element('span', { title: meaning }, reason),
    count(times),
  ])
  const total = rejectedOf(route)
  const undecided = total - settled.rejected - settled.untold
  const sums = [
    ['Rejected in all', count(total)],
    ['of these, told to the sender', count(settled.rejected)],
    ['of these, untold', count(settled.untold)],
    ...(undecided > 0 ? [['of these, not decided yet', count(undecided)]] : []),
  ]
  return element('section', {}, title, table(['Reason', 'Count'], rows, 1, sums))
}

/** @param {RouteStatus} route */
function sessions({ sessions }) {
  const title = element('h4', {}, 'Provider sessions')
  if (sessions.length === 0) return element('section', {}, title, nothing('None.'))
  const rows = sessions.map(({ state, inFlight, streamLimit }) => [
    state,
    streamLimit === null || streamLimit === 0
      ? ''
      : element('meter', {
          min: 0,
          max: streamLimit,
          value: inFlight,
          'aria-label': 'streams in use',
        }),
    streamLimit === null || streamLimit === 0
      ? count(inFlight)
      : `${count(inFlight)} of ${count(streamLimit)}`,
  ])
  return element('section', {}, title, table(['State', '', 'Streams'], rows, 2))
}

/**
 * @param {RouteStatus} route
 * @param {number} atMs
 */
function credential({ credential, feedback }, atMs) {
  const read =
    feedback.readAtMs === null ? 'not since the start' : `${duration(atMs - feedback.readAtMs)} ago`
  const rows =
    credential.kind === 'certificate'
      ? [
          fact('Certificate', countdown(credential.notAfterMs - atMs)),
          fact('Expires on', dayOf(credential.notAfterMs)),
        ]
      : [fact('Signing key', credential.keyId), fact('Team', credential.teamId)]
  return element(
    'section',
    {},
    element('h4', {}, 'Credential and feedback'),
    element('dl', { class: 'facts' }, ...rows, fact('Feedback service read', read)),
  )
}

/** @param {number} leftMs */
function countdown(leftMs) {
  const urgency = leftMs <= 7 * dayMs ? 'alarm' : leftMs <= 30 * dayMs ? 'warning' : 'fine'
  const text = leftMs <= 0 ? `expired ${duration(-leftMs)} ago` : `${duration(leftMs)} left`
  return element('span', { class: `countdown ${urgency}` }, text)
}

/**
 * @param {string} name
 * @param {import('./markup.js').Child} value
 */
function fact(name, value) {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value))
}

/** @param {string} text */
function nothing(text) {
  return element('p', { class: 'nothing' }, text)
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly import('./markup.js').Child[])[]} rows
 * @param {number} numbersFrom the column from which on there are numbers
 * @param {readonly (readonly string[])[]} sums rows at the foot
 */
function table(head, rows, numbersFrom, sums = []) {
  /** @param {number} column */
  const kind = (column) => ({ class: column >= numbersFrom ? 'number' : 'text' })
  /** @param {readonly import('./markup.js').Child[]} cells */
  const row = (cells) =>
    element('tr', {}, ...cells.map((cell, column) => element('td', kind(column), cell)))
  const names = head.map((name, column) => element('th', { scope: 'col', ...kind(column) }, name))
  return element(
    'table',
    {},
    element('thead', {}, element('tr', {}, ...names)),
    element('tbody', {}, ...rows.map(row)),
    sums.length > 0 && element('tfoot', {}, ...sums.map(row)),
  )
}
