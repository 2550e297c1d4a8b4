/** Whether everything is well, and if it is not, what is wrong and what helps. */
import { meaningOf } from '../apns/reason.ts'
import { meaningInWords } from '../apns/reason-meaning.ts'
import type { RouteState, ProxyState, StoreState } from './proxy-state.ts'

/** What the page says first. */
export interface Health {
  readonly level: 'healthy' | Severity
  /** The most urgent first. */
  readonly problems: readonly Problem[]
}

/** `alarm`: something does not work; `warning`: something will not, unless somebody acts. */
export type Severity = 'warning' | 'alarm'

/** One thing that is wrong. */
export interface Problem {
  readonly severity: Severity
  /** Undefined where it is about the proxy as a whole. */
  readonly route?: string
  readonly what: string
  readonly cure: string
}

const dayMs = 24 * 60 * 60 * 1000
const warnDays = 30
const alarmDays = 7
/** Senders that read the feedback service do so at least daily. */
const unreadMs = dayMs

/** Looks at everything. */
export function healthOf(state: ProxyState): Health {
  const problems = [
    ...storeProblems(state),
    ...gatewayProblems(state),
    ...state.routes.flatMap((route) => [
      ...reachProblems(route),
      ...roomProblems(route),
      ...credentialProblems(route, state),
      ...feedbackProblems(route, state),
    ]),
  ]
  const alarms = problems.filter(({ severity }) => severity === 'alarm')
  const warnings = problems.filter(({ severity }) => severity === 'warning')
  const [worst] = [...alarms, ...warnings]
  return { level: worst?.severity ?? 'healthy', problems: [...alarms, ...warnings] }
}

const storeProblem: Readonly<Record<Exclude<StoreState, 'written'>, Omit<Problem, 'severity'>>> = {
  unwritten: {
    what: 'Redis cannot be reached. Notifications go on to APNs; those that are not delivered yet are kept in memory alone.',
    cure: 'Bring Redis back, and until then stop no proxy. The log has the cause, as store.lost.',
  },
  full: {
    what: 'The journal cannot be written. Senders wait until it can.',
    cure: 'Make room on the disk of dataDirectory and let the proxy write there; where store is Redis, bring that back. The log has the cause, as journal.failed or store.lost.',
  },
  awaited: {
    what: 'Redis has not been reached since the start. No sender can connect before.',
    cure: 'Start Redis, or correct store and restart. The log has the cause, as store.lost, and “apns-legacy-proxy check” tries it.',
  },
}

function storeProblems({ store }: ProxyState): Problem[] {
  return store === 'written' ? [] : [{ severity: 'alarm', ...storeProblem[store] }]
}

function gatewayProblems({ gatewayCertificateNotAfterMs, atMs }: ProxyState): Problem[] {
  return expiryProblems(
    gatewayCertificateNotAfterMs - atMs,
    'The certificate that senders are shown',
    'senders that verify it are cut off',
    'Renew the file named in tls.certificate; it is taken up without a restart.',
  )
}

function reachProblems(route: RouteState): Problem[] {
  const { name, downReason, isOut, outageCause, owned } = route
  if (downReason !== undefined)
    return [
      {
        severity: 'alarm',
        route: name,
        what: `APNs refuses what this route sends with: ${downReason}. ${waiting(owned)}`,
        cure: credentialCure(downReason),
      },
    ]
  if (!isOut) return []
  const cause = outageCause === undefined ? '' : `: ${outageCause}`
  return [
    {
      severity: 'alarm',
      route: name,
      what: `No connection to APNs${cause}. ${waiting(owned)}`,
      cure: 'It is tried again by itself. “apns-legacy-proxy check” shows how far this machine gets, through name resolution, firewall, proxy and TLS.',
    },
  ]
}

function waiting(owned: number): string {
  if (owned === 0) return 'Nothing is waiting.'
  return `${owned.toLocaleString('en')} ${owned === 1 ? 'notification waits' : 'notifications wait'} in the journal.`
}

function credentialCure(reason: string): string {
  const known = meaningOf(reason) === undefined ? '' : `${meaningInWords(reason)} `
  return `${known}“apns-legacy-proxy check --live” tells what is wrong with certificate or key, topic and environment; a file that is replaced is taken up without a restart.`
}

function roomProblems({ name, owned, ownedLimit }: RouteState): Problem[] {
  if (owned < ownedLimit) return []
  return [
    {
      severity: 'alarm',
      route: name,
      what: `The journal is full: ${owned.toLocaleString('en')} notifications are owned. Senders wait.`,
      cure: 'It empties as APNs takes them. If that takes too long, raise journal.maxEntries.',
    },
  ]
}

function credentialProblems({ name, credential }: RouteState, { atMs }: ProxyState): Problem[] {
  if (credential.kind !== 'certificate') return []
  return expiryProblems(
    credential.notAfterMs - atMs,
    'The push certificate',
    'APNs refuses it then',
    'Renew it in Apple’s portal, keeping its topic, and replace the file; it is taken up without a restart.',
    name,
  )
}

function expiryProblems(
  leftMs: number,
  subject: string,
  consequence: string,
  cure: string,
  route?: string,
): Problem[] {
  if (leftMs > warnDays * dayMs) return []
  const days = Math.floor(leftMs / dayMs)
  const when =
    leftMs <= 0
      ? 'has expired'
      : days < 1
        ? `expires within a day: ${consequence}`
        : `expires in ${days} ${days === 1 ? 'day' : 'days'}: ${consequence}`
  return [
    {
      severity: leftMs <= alarmDays * dayMs ? 'alarm' : 'warning',
      ...(route !== undefined && { route }),
      what: `${subject} ${when}.`,
      cure,
    },
  ]
}

function feedbackProblems(
  { name, feedbackWaiting: waiting, feedbackReadAtMs: readAtMs }: RouteState,
  { atMs, startedAtMs }: ProxyState,
): Problem[] {
  if (waiting === 0 || atMs - (readAtMs ?? startedAtMs) < unreadMs) return []
  const tokens = `${waiting.toLocaleString('en')} ${waiting === 1 ? 'token waits' : 'tokens wait'}`
  return [
    {
      severity: 'warning',
      route: name,
      what: `${tokens} in the feedback service, which nobody has read for a day.`,
      cure: 'Let the sender read the feedback port. If it cannot, set unregistered: error in the route, and it is told at once.',
    },
  ]
}
