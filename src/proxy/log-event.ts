/** Every log event of the running proxy, as a table: its level, its text and its fields. */
import { statusCodeName } from '../binary/status-code.ts'
import type { ConnectionEvent } from '../gateway/connection-event.ts'
import type { FeedbackEvent } from '../gateway/feedback-service.ts'
import type { ListenerEvent } from '../gateway/listener-event.ts'
import type { Logger } from '../log/log.ts'
import type { RecorderEvent } from '../recording/recorder-event.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { RedisStoreEvent, StoreEvent } from '../store/store-event.ts'
import type { SessionEvent } from '../upstream/session-event.ts'
import type { AdmissionEvent, ProxyEvent } from './proxy-event.ts'
import { handshakeHint, refusalCure } from './sender-cure.ts'

/** What any part of the proxy emits. */
export type AnyEvent =
  | AdmissionEvent
  | ConnectionEvent
  | FeedbackEvent
  | ListenerEvent
  | ProxyEvent
  | RecorderEvent
  | RedisStoreEvent
  | RouteEvent
  | RouteTrace
  | SessionEvent
  | StoreEvent

type EventName = AnyEvent['event']
type EventNamed<Name extends EventName> = Extract<AnyEvent, { readonly event: Name }>
type Level = 'debug' | 'info' | 'warn' | 'error'

/** How an event is logged. */
interface Row<Event> {
  readonly level: Level | ((event: Event) => Level)
  readonly text?: string | ((event: Event) => string | undefined)
  /** Default: those of the event. */
  readonly fields?: (event: Event) => object
}

/** An event that has no row is not logged. */
const rows: { readonly [Name in EventName]?: Row<EventNamed<Name>> } = {
  'configuration.ignored': {
    level: 'warn',
    text: 'these keys have no effect any more: remove them, see docs/configuration.md',
  },
  'proxy.ready': { level: 'info' },
  'proxy.stopping': { level: 'info' },
  'proxy.stopped': {
    level: ({ drained }) => (drained ? 'info' : 'warn'),
    text: ({ drained }) =>
      drained ? undefined : 'drainSeconds are over: the next start delivers what the journal holds',
  },

  'route.down': {
    level: 'error',
    text: 'APNs refuses the credential of this route: check certificate or key, topic and environment',
  },
  'route.up': { level: 'info' },

  'session.opening': { level: 'debug' },
  'session.ready': { level: 'info' },
  'session.draining': { level: 'info' },
  'session.closed': {
    level: ({ retryInMs }) => (retryInMs > 0 ? 'warn' : 'info'),
    fields: ({ cause, retryInMs }) => ({ cause, retryInMs: Math.round(retryInMs) }),
  },

  'connection.opened': { level: 'info' },
  'connection.closed': { level: 'info' },
  'connection.refused': { level: 'warn', text: 'the route is down: see route.down' },
  'connection.unreadable': {
    level: 'warn',
    text: ({ error }) => error.message,
    fields: ({ error }) => ({ code: error.code }),
  },
  'connection.dropped': {
    level: 'warn',
    text: 'maxConnections is reached: raise it, or check who holds the connections',
  },
  'connection.evicted': {
    level: 'warn',
    text: 'the sender does not read its error response, and other senders need the connection',
  },
  bug: {
    level: 'error',
    text: 'a defect of the proxy ended this connection: please report it',
    fields: ({ error }) => ({ err: error }),
  },
  'sender.refused': {
    level: 'warn',
    fields: ({ address, refusal, environment, certificate }) => ({
      address,
      refusal,
      environment,
      ...refusalCure(certificate),
    }),
  },
  'sender.certificate-expired': { level: 'warn' },
  'handshake.failed': {
    level: 'warn',
    text: ({ cause, error, offered }) => handshakeHint(cause, offered) ?? error.message,
    fields: ({ address, cause, error, offered }) => ({
      address,
      cause,
      code: 'code' in error ? error.code : undefined,
      offered,
    }),
  },
  'error-response.sent': {
    level: 'info',
    fields: ({ statusCode, identifier }) => ({
      statusCode,
      meaning: statusCodeName(statusCode),
      identifier,
    }),
  },

  'notification.accepted': { level: 'debug' },
  'notification.recognised': { level: 'debug' },
  'notification.retried': { level: 'debug' },
  'notification.delivered': { level: 'debug' },
  'notification.rejected': { level: 'info' },
  'notification.unregistered': { level: 'info' },
  'notification.silenced': {
    level: 'warn',
    text: 'rejected so often within a minute that the sender seems to loop: stop it from resending',
  },
  'notification.expired': {
    level: 'warn',
    text: 'not delivered before its expiration or the end of retryForSeconds',
  },

  'feedback.read': { level: 'info' },
  'feedback.abandoned': {
    level: 'warn',
    text: 'the reader disconnected too early: the next reader gets the same tokens',
  },

  'journal.recovered': { level: 'info' },
  'journal.failed': {
    level: 'error',
    text: 'the data directory cannot be written, and senders wait: make room on its disk',
    fields: causeOf,
  },
  'journal.recovered-writing': {
    level: 'info',
    text: 'the data directory can be written again',
  },
  'store.lost': {
    level: 'error',
    text: 'Redis cannot be reached: a start waits, a running proxy keeps journal.maxUnwritten in memory',
    fields: causeOf,
  },
  'store.back': { level: 'info', text: 'Redis can be reached again and has every entry' },
  'store.damaged': {
    level: 'error',
    text: 'entries of another process cannot be read and are lost: check what else writes to Redis',
  },
  'census.unreadable': {
    level: 'warn',
    text: 'the file was renamed, and the migration report starts from zero',
    fields: ({ file, error }) => ({ file, cause: String(error) }),
  },
  'census.failed': {
    level: 'warn',
    text: 'the next stop loses the facts of the migration report: make room on the disk',
    fields: ({ file, error }) => ({ file, cause: String(error) }),
  },

  'capture.exposed': {
    level: 'warn',
    text: 'other users can list this directory: run chmod 700 on it',
  },
  'capture.opened': {
    level: 'info',
    fields: ({ file, about: { route, connection } }) => ({ file, route, connection }),
  },
  'capture.full': { level: 'info', text: '--capture-bytes is reached; the connection goes on' },
  'capture.failed': {
    level: 'error',
    text: 'recording failed, further failures are not logged; connections go on',
    fields: ({ file, error }) => ({ file, ...causeOf({ error }) }),
  },
  'capture.finished': {
    level: 'info',
    text: 'the last of --capture-connections is being recorded',
  },
}

/**
 * A subscriber that logs what it is given.
 * @param context fields of every line, before those of the event
 */
export function logEvents(log: Logger, context: object = {}): (event: AnyEvent) => void {
  return (event) => {
    write(log, context, event.event, event)
  }
}

function write<Name extends EventName>(
  log: Logger,
  context: object,
  name: Name,
  event: EventNamed<Name>,
): void {
  const row = rows[name]
  if (row === undefined) return
  const { level, text, fields = fieldsOf } = row
  log[typeof level === 'string' ? level : level(event)](
    { event: name, ...context, ...fields(event) },
    typeof text === 'function' ? text(event) : text,
  )
}

/** Of a notification only what identifies it; the logger turns the token into its tag. */
function fieldsOf(event: AnyEvent): object {
  if (!('record' in event)) return event
  const { record, ...more } = event
  const { connection, identifier, apnsId, token } = record
  return { connection, identifier, apnsId, token, ...more }
}

function causeOf({ error }: { readonly error: unknown }): { readonly cause: string } {
  return { cause: error instanceof Error ? error.message : String(error) }
}
