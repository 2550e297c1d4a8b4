/** Shows the last notifications that were not delivered, and the meaning of their reasons. */
import { element } from './markup.js'
import { momentOf } from './wording.js'

/** @typedef {import('../status.ts').RejectionStatus} RejectionStatus */

/**
 * @param {readonly RejectionStatus[]} rejections
 * @param {number} nowMs
 */
export function rejectionList(rejections, nowMs) {
  if (rejections.length === 0) return element('p', { class: 'nothing' }, 'None since the start.')
  return element(
    'ol',
    { class: 'rejections' },
    ...rejections.map((rejection) => item(rejection, nowMs)),
  )
}

/**
 * @param {RejectionStatus} rejection
 * @param {number} nowMs
 */
function item({ atMs, route, connection, identifier, apnsId, reason, meaning }, nowMs) {
  return element(
    'li',
    {},
    element('time', { datetime: new Date(atMs).toISOString() }, momentOf(atMs, nowMs)),
    element(
      'div',
      {},
      element(
        'p',
        {},
        element('b', {}, reason),
        ' ',
        element('span', { class: 'meaning' }, meaning),
      ),
      element(
        'p',
        { class: 'where' },
        `route ${route}`,
        connection === null ? ' · left by an earlier run' : ` · connection ${connection}`,
        identifier !== null && ` · identifier ${identifier}`,
        apnsId !== null && ` · apns-id ${apnsId}`,
      ),
    ),
  )
}
