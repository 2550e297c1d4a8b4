/** Every log event of the running proxy, as a table: its level, its text and its fields. */
import type { AlarmEvent } from '../alarms/alarm-event.ts'
import { isLogged } from '../admin/known-problem.ts'
import type { ProblemChange } from '../admin/problem-watch.ts'
import { statusCodeName } from '../binary/status-code.ts'
import type { ConnectionEvent } from '../gateway/connection-event.ts'
import type { FeedbackEvent } from '../gateway/feedback-service.ts'
import type { HandshakeCause } from '../gateway/handshake-cause.ts'
import type { ListenerEvent } from '../gateway/listener-event.ts'
import type { SenderCertificate } from '../gateway/route-by-sender-key.ts'
import type { Logger } from '../log/log.ts'
import type { RecorderEvent } from '../recording/recorder.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { RedisStoreEvent, StoreEvent } from '../store/store-event.ts'
import type { SessionEvent } from '../upstream/session.ts'
import type { AdmissionEvent, LifecycleEvent } from './lifecycle-event.ts'
import type { RepeatedEvent, RepeatedEvents } from './repeated-events.ts'

/** The events of all parts of the proxy. */
export type AnyEvent =
  | AdmissionEvent
  | AlarmEvent
  | ConnectionEvent
  | FeedbackEvent
  | ListenerEvent
  | LifecycleEvent
  | ProblemChange
  | RecorderEvent
  | RedisStoreEvent
  | RepeatedEvent
  | RouteEvent
  | RouteTrace
  | SessionEvent
  | StoreEvent

type EventName = AnyEvent['event']
type EventNamed<Name extends EventName> = Extract<AnyEvent, { readonly event: Name }>
type Level = 'debug' | 'info' | 'warn' | 'error'

/** How an event is logged. Without `fields`, all fields of the event are logged. */
type Row<Event> = readonly [
  level: Level | ((event: Event) => Level),
  text?: string | ((event: Event) => string | undefined) | undefined,
  fields?: (event: Event) => object,
]

/** An event without a row is not logged. */
const rows: { readonly [Name in EventName]?: Row<EventNamed<Name>> } = {
  'configuration.ignored': [
    'warn',
    'these keys have no effect any more: remove them, see docs/configuration.md',
  ],
  'proxy.ready': ['info'],
  'proxy.stopping': ['info'],
  'proxy.stopped': [
    ({ drained }) => (drained ? 'info' : 'warn'),
    ({ drained }) =>
      drained ? undefined : 'drainSeconds are over: the next start delivers what the journal holds',
  ],

  'route.down': [
    'error',
    'APNs refuses the credential of this route: check certificate or key, topic and environment',
  ],
  'route.suspected': [
    'error',
    'APNs rejects every token: check certificate or key, topic and environment. No sender is told meanwhile. If the tokens really are bad, run: apns-legacy-proxy overrule',
  ],
  'route.proven': ['info'],
  'route.overruled': [
    'warn',
    'an operator says that the tokens are bad: the senders are told of what was held back',
  ],
  'answer.foreign': [
    'warn',
    'not APNs but a program on the way to it has answered: check proxies and firewalls; the notification is sent again',
  ],
  'route.up': ['info'],

  'problem.appeared': [
    ({ problem }) =>
      isLogged(problem) ? 'debug' : problem.severity === 'alarm' ? 'error' : 'warn',
    ({ problem }) => problem.what,
    ({ problem: { code, route, what, cure } }) => ({ code, route, what, cure }),
  ],
  'problem.cleared': [
    ({ problem }) => (isLogged(problem) ? 'debug' : 'info'),
    undefined,
    ({ problem: { code, route }, lastedMs }) => ({ code, route, lastedMs }),
  ],

  'session.opening': ['debug'],
  'session.ready': ['info'],
  'session.draining': ['info'],
  'session.closed': [
    ({ retryInMs }) => (retryInMs > 0 ? 'warn' : 'info'),
    undefined,
    ({ cause, retryInMs }) => ({ cause, retryInMs: Math.round(retryInMs) }),
  ],

  'connection.probed': ['debug'],
  'connection.opened': ['info'],
  'connection.closed': ['info'],
  'connection.refused': ['warn', 'the route is down: see route.down'],
  'connection.unreadable': [
    'warn',
    ({ error }) => error.message,
    ({ error }) => ({ code: error.code }),
  ],
  'connection.dropped': [
    'warn',
    'maxConnections is reached: raise it, or check who holds the connections',
  ],
  'connection.evicted': [
    'warn',
    'the sender does not read its error response, and other senders need the connection',
  ],
  bug: [
    'error',
    'a defect of the proxy ended this connection: please report it',
    ({ error }) => ({ err: error }),
  ],
  'sender.refused': [
    'warn',
    undefined,
    ({ certificate, ...event }) => ({ ...event, ...refusalCure(certificate) }),
  ],
  'sender.certificate-expired': ['warn'],
  'handshake.failed': [
    'warn',
    ({ cause, error, offered }) => handshakeHint(cause, offered) ?? error.message,
    ({ error, ...event }) => ({ ...event, code: 'code' in error ? error.code : undefined }),
  ],
  'error-response.sent': [
    'info',
    undefined,
    (event) => ({ ...event, meaning: statusCodeName(event.statusCode) }),
  ],

  'notification.accepted': ['debug'],
  'notification.recognised': ['debug'],
  'notification.retried': ['debug'],
  'notification.delivered': ['debug'],
  'notification.rejected': ['info'],
  'notification.unregistered': ['info'],
  'notification.silenced': [
    'warn',
    'rejected so often within a minute that the sender seems to loop: stop it from resending',
  ],
  'notification.expired': [
    'warn',
    'not delivered before its expiration or the end of retryForSeconds',
  ],

  'feedback.read': ['info'],
  'feedback.abandoned': [
    'warn',
    'the reader disconnected too early: the next reader gets the same tokens',
  ],

  'events.repeated': [
    ({ level }) => (level === 'info' ? 'info' : 'warn'),
    'so many more within a minute were not logged',
    ({ of, cause, address, count }) => ({ of, cause, address, count }),
  ],

  'journal.recovered': ['info'],
  'journal.failed': [
    'error',
    'the data directory cannot be written, and senders wait: make room on its disk',
    causeOf,
  ],
  'journal.recovered-writing': ['info', 'the data directory can be written again'],
  'store.lost': [
    'error',
    'Redis cannot be reached: a start waits, a running proxy keeps journal.maxUnwritten in memory',
    causeOf,
  ],
  'store.back': ['info', 'Redis can be reached again and has every entry'],
  'store.damaged': [
    'error',
    'entries of another process cannot be read and are lost: check what else writes to Redis',
  ],
  'census.unreadable': [
    'warn',
    'the file was renamed, and the migration report starts from zero',
    ({ file, error }) => ({ file, cause: String(error) }),
  ],
  'census.failed': [
    'warn',
    'the next stop loses the facts of the migration report: make room on the disk',
    ({ file, error }) => ({ file, cause: String(error) }),
  ],

  'alarm.sent': ['info'],
  'alarm.failed': ['warn', 'the proxy tries again: see cause'],
  'alarm.given-up': [
    'error',
    'this alarm reached nobody: see cause; “apns-legacy-proxy check” tests the receivers',
  ],

  'capture.exposed': ['warn', 'other users can list this directory: run chmod 700 on it'],
  'capture.opened': [
    'info',
    undefined,
    ({ file, about: { route, connection } }) => ({ file, route, connection }),
  ],
  'capture.full': ['info', '--capture-bytes is reached; the connection goes on'],
  'capture.failed': [
    'error',
    'recording failed, further failures are not logged; connections go on',
    ({ file, error }) => ({ file, ...causeOf({ error }) }),
  ],
  'capture.finished': ['info', 'the last of --capture-connections is being recorded'],
}

/** How many of one cause and one peer are logged in a minute; see {@link RepeatedEvents}. */
const mostLogged: {
  readonly [Name in EventName]?: readonly [
    most: number,
    causeOf?: (event: EventNamed<Name>) => string,
  ]
} = {
  'handshake.failed': [10, ({ cause }) => cause],
  'sender.refused': [10, ({ refusal }) => refusal],
  'connection.dropped': [10],
  'connection.refused': [10, ({ reason }) => reason],
  'connection.unreadable': [10, ({ error }) => error.code],
  'notification.rejected': [100, ({ reason }) => reason],
  'notification.unregistered': [100, ({ reason }) => reason],
  'notification.expired': [100],
}

/**
 * Returns a subscriber that logs events.
 * @param context fields that each line has before the fields of the event
 * @param repeated sums up events of which there are many; they are then logged at level debug only
 */
export function logEvents(
  log: Logger,
  context: object = {},
  repeated?: RepeatedEvents,
): (event: AnyEvent) => void {
  return (event) => write({ log, context, repeated }, event.event, event)
}

interface Target {
  readonly log: Logger
  readonly context: object
  readonly repeated: RepeatedEvents | undefined
}

function write<Name extends EventName>(
  { log, context, repeated }: Target,
  name: Name,
  event: EventNamed<Name>,
): void {
  const row = rows[name]
  if (row === undefined) return
  const [level, text, fields = fieldsOf] = row
  const usual = typeof level === 'string' ? level : level(event)
  log[isOneOfMany(repeated, name, event, usual) ? 'debug' : usual](
    { event: name, ...context, ...fields(event) },
    typeof text === 'function' ? text(event) : text,
  )
}

function isOneOfMany<Name extends EventName>(
  repeated: RepeatedEvents | undefined,
  of: Name,
  event: EventNamed<Name>,
  usual: Level,
): boolean {
  const limit = mostLogged[of]
  if (repeated === undefined || limit === undefined) return false
  const [most, causeOf] = limit
  const level = usual === 'info' ? 'info' : 'warn'
  const address = 'address' in event ? event.address : undefined
  return !repeated.isLogged({ of, level, cause: causeOf?.(event), address }, most)
}

/** Keeps only the identification of a notification. The logger replaces the token by its tag. */
function fieldsOf(event: AnyEvent): object {
  if (!('record' in event)) return event
  const { record, ...more } = event
  const { connection, identifier, apnsId, token } = record
  return { connection, identifier, apnsId, token, ...more }
}

function causeOf({ error }: { readonly error: unknown }): { readonly cause: string } {
  return { cause: error instanceof Error ? error.message : String(error) }
}

/** The identity of a sender without a route, and how to admit the sender. */
function refusalCure(certificate: SenderCertificate | undefined): object {
  if (certificate === undefined)
    return { cure: 'the sender must present its push certificate as TLS client certificate' }
  const { subject, fingerprint256, publicKeySha256 } = certificate
  return {
    subject,
    fingerprint256,
    cure:
      `to admit it, add "sha256:${publicKeySha256}" to senderCertificates of its route; if the ` +
      'route has no such list yet, also list the key of its own certificate (the command check ' +
      'prints it), or the route no longer admits the sender with that certificate',
  }
}

/** By the highest TLS version of the sender, if the listener accepts none of its versions. */
const versionHints: Readonly<Record<string, string>> = {
  TLSv1: 'set minVersion: TLSv1 on its listener',
  'TLSv1.1': 'set minVersion: TLSv1.1 on its listener',
  'TLSv1.2': 'it insists on TLS 1.3, which breaks old senders: let it speak TLS 1.2',
  SSLv3:
    'put a TLS wrapper beside the sender, see getting-started.md; no OpenSSL of today speaks it',
}

const handshakeHints: Partial<Record<HandshakeCause, string>> = {
  cipher:
    'the listener accepts no cipher that the sender offers: to accept older ones, set ' +
    'minVersion: TLSv1 on its listener',
  'not-tls':
    'these bytes are not TLS: if a load balancer sends PROXY headers, set proxyProtocol on the listener',
  timeout: 'the peer did not finish the handshake within handshakeTimeoutMs',
  'plain-http': 'this is plain HTTP: the port speaks the binary push protocol over TLS',
  reset: 'the peer disconnected during the handshake',
  untrusted:
    'the sender does not trust the certificate under tls: make it trust the CA of that certificate',
}

/**
 * Undefined if the message of the error is better.
 * @param offered the highest TLS version that the peer offered
 */
function handshakeHint(cause: HandshakeCause, offered: string | undefined): string | undefined {
  if (cause !== 'tls-version') return handshakeHints[cause]
  const most = offered ?? 'no known version'
  const cure = versionHints[most] ?? 'the listener can be set to TLS 1.0 to 1.2'
  return `the sender offers ${most} at most, and the listener does not accept it: ${cure}`
}
