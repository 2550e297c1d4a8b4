/** Shows the migration report in short: what it takes to move each sender. */
import { element } from './markup.js'
import { count, counted, dayOf } from './wording.js'

/** @typedef {import('../../statistics/migration-report.ts').Report} Report */
/** @typedef {import('../../statistics/migration-report.ts').SenderReport} SenderReport */

/** @param {Report} report */
export function senderList({ senders, turnedAway, sinceMs }) {
  const since = `since ${dayOf(sinceMs)}`
  const strangers = turnedAway.reduce((sum, { count: times }) => sum + times, 0)
  return element(
    'div',
    { class: 'senders' },
    senders.length === 0 && element('p', { class: 'nothing' }, `Nobody has connected ${since}.`),
    ...senders.map(item),
    strangers > 0 &&
      element(
        'p',
        { class: 'where' },
        `${counted(strangers, 'connection')} turned away ${since}; "apns-legacy-proxy report" has them all.`,
      ),
  )
}

/** @param {SenderReport} sender */
function item({ facts, notifications, perDay, verdict, summary, steps }) {
  const { route, subject, publicKeySha256, lastSentMs } = facts
  const id = `sender-${publicKeySha256.slice(0, 16)}-${route}`
  const isOpen = document.getElementById(id)?.hasAttribute('open') === true
  const sent =
    lastSentMs === null
      ? 'nothing sent'
      : `${counted(notifications, 'push', 'pushes')}, ${count(perDay)} a day, last on ${dayOf(lastSentMs)}`
  return element(
    'details',
    { id, ...(isOpen && { open: '' }) },
    element(
      'summary',
      {},
      element('b', { class: verdict }, summary),
      element('p', {}, subject || publicKeySha256.slice(0, 16)),
      element('p', { class: 'where' }, `route ${route} · ${sent}`),
    ),
    element('ol', {}, ...steps.map((step) => element('li', {}, step))),
  )
}
