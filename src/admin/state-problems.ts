/** The problems of the present state: of the store, of certificates, and of each route. */
import { meaningOf } from '../apns/reason.ts'
import { meaningInWords } from '../apns/reason-meaning.ts'
import { stateCodes } from './known-problem.ts'
import type { Problem } from './problem.ts'
import type { ProxyState, RouteState, StoreState } from './proxy-state.ts'

type StateCode = keyof typeof stateCodes

const dayMs = 24 * 60 * 60 * 1000
const warnDays = 30
const alarmDays = 7
/** How long the path to APNs is in doubt after an answer that did not come from APNs. */
export const foreignMs = 5 * 60_000
/** Senders that read the feedback service do so at least daily. */
const unreadMs = dayMs

/** In the order: store, certificate of the server, routes. */
export function stateProblems(state: ProxyState): readonly Problem[] {
  return [
    storeProblems[state.store],
    gatewayProblem(state),
    ...state.routes.flatMap((route) => [
      reachProblem(route),
      foreignProblem(route, state),
      roomProblem(route),
      credentialProblem(route, state),
      feedbackProblem(route, state),
    ]),
  ].filter((problem) => problem !== undefined)
}

function problem(code: StateCode, what: string, cure: string, route?: string): Problem {
  const { severity } = stateCodes[code]
  return { code, severity, ...(route !== undefined && { route }), what, cure }
}

const storeProblems: Readonly<Record<StoreState, Problem | undefined>> = {
  written: undefined,
  unwritten: problem(
    'redis-unreachable',
    'Redis cannot be reached. The proxy still sends notifications to APNs, and keeps undelivered ones in memory only.',
    'Restore Redis, and stop no proxy before that. The log has the cause, as store.lost.',
  ),
  full: problem(
    'journal-unwritable',
    'The journal cannot be written. Senders wait until it can.',
    'Make room on the disk of dataDirectory and let the proxy write there; if the store is Redis, restore Redis. The log has the cause, as journal.failed or store.lost.',
  ),
  awaited: problem(
    'redis-unreachable-since-start',
    'Redis has been unreachable since the start. No sender can connect.',
    'Start Redis, or correct store and restart. The log has the cause, as store.lost, and “apns-legacy-proxy check” tests the connection.',
  ),
}

function gatewayProblem(state: ProxyState): Problem | undefined {
  return expiryProblem(
    'server-certificate',
    state.gatewayCertificateNotAfterMs - state.atMs,
    'senders that verify it can no longer connect',
    'Renew the file named in tls.certificate; the proxy applies it without a restart.',
  )
}

function reachProblem(route: RouteState): Problem | undefined {
  const { name, downReason, isSuspicious, isOut, outageCause, owned } = route
  if (isSuspicious && downReason !== undefined)
    return problem(
      'set-up-suspected',
      `APNs rejects every token of this route: ${downReason} The proxy tells no sender meanwhile. ${waiting(owned)}`,
      'Correct certificate or key, topic and environment; the proxy applies them without a restart and delivers what waits. If the tokens really are bad, overrule the suspicion: with the button at this route, or with “apns-legacy-proxy overrule”.',
      name,
    )
  if (downReason !== undefined)
    return problem(
      'credential-refused',
      `APNs refuses the credential of this route: ${downReason}. ${waiting(owned)}`,
      credentialCure(downReason),
      name,
    )
  if (!isOut) return undefined
  const cause = outageCause === undefined ? '' : `: ${outageCause}`
  return problem(
    'no-connection',
    `No connection to APNs${cause}. ${waiting(owned)}`,
    'The proxy retries by itself. “apns-legacy-proxy check” tests name resolution, firewall, proxy and TLS.',
    name,
  )
}

function foreignProblem(
  { name, foreignAnswer }: RouteState,
  { atMs }: ProxyState,
): Problem | undefined {
  if (foreignAnswer === undefined || atMs - foreignAnswer.atMs > foreignMs) return undefined
  return problem(
    'foreign-answers',
    `A program between this machine and APNs answers in place of APNs: ${foreignAnswer.reason}. The proxy sends again what it has answered.`,
    'Let this machine reach APNs directly, or correct the HTTP proxy, firewall or portal on the way.',
    name,
  )
}

function waiting(owned: number): string {
  if (owned === 0) return 'Nothing is waiting.'
  return `${owned.toLocaleString('en')} ${owned === 1 ? 'notification waits' : 'notifications wait'} in the journal.`
}

function credentialCure(reason: string): string {
  const known = meaningOf(reason) === undefined ? '' : `${meaningInWords(reason)} `
  return `${known}“apns-legacy-proxy check --live” shows what is wrong with certificate or key, topic and environment; the proxy applies a replaced file without a restart.`
}

function roomProblem({ name, owned, ownedLimit }: RouteState): Problem | undefined {
  if (owned < ownedLimit) return undefined
  return problem(
    'journal-full',
    `The journal is full: ${owned.toLocaleString('en')} notifications are owned. Senders wait.`,
    'Wait until APNs has accepted them. If that takes too long, raise journal.maxEntries.',
    name,
  )
}

function credentialProblem(
  { name, credential }: RouteState,
  { atMs }: ProxyState,
): Problem | undefined {
  if (credential.kind !== 'certificate') return undefined
  return expiryProblem(
    'push-certificate',
    credential.notAfterMs - atMs,
    'APNs refuses it then',
    'Renew it in Apple’s portal, keeping its topic, and replace the file; the proxy applies it without a restart.',
    name,
  )
}

function expiryProblem(
  certificate: 'server-certificate' | 'push-certificate',
  leftMs: number,
  consequence: string,
  cure: string,
  route?: string,
): Problem | undefined {
  if (leftMs > warnDays * dayMs) return undefined
  const subject = `The ${certificate.replace('-', ' ')}`
  if (leftMs <= 0) return problem(`${certificate}-expired`, `${subject} has expired.`, cure, route)
  const days = Math.floor(leftMs / dayMs)
  const time = days < 1 ? 'within a day' : `in ${days} ${days === 1 ? 'day' : 'days'}`
  const span = leftMs <= alarmDays * dayMs ? 'week' : 'month'
  const what = `${subject} expires ${time}: ${consequence}.`
  return problem(`${certificate}-expires-in-a-${span}`, what, cure, route)
}

function feedbackProblem(
  { name, feedbackWaiting: waiting, feedbackReadAtMs: readAtMs }: RouteState,
  { atMs, startedAtMs }: ProxyState,
): Problem | undefined {
  if (waiting === 0 || atMs - (readAtMs ?? startedAtMs) < unreadMs) return undefined
  const tokens = `${waiting.toLocaleString('en')} ${waiting === 1 ? 'token waits' : 'tokens wait'}`
  return problem(
    'feedback-unread',
    `${tokens} in the feedback service, which nobody has read for a day.`,
    'Let the sender read the feedback port. If it cannot, set unregistered: error in the route: then it receives an error response.',
    name,
  )
}
