/** Puts the decisions of every part into words: each log event of the running proxy is in this file. */
import { statusCodeName } from '../binary/status-code.ts'
import type { CensusObserver } from '../census-keeper.ts'
import type { ConnectionEvent } from '../gateway/connection-event.ts'
import type { HandshakeCause } from '../gateway/handshake-cause.ts'
import type { FeedbackObserver } from '../gateway/feedback-service.ts'
import type { ListenerObserver } from '../gateway/listener.ts'
import type { Logger } from '../log/log.ts'
import type { RecorderObserver } from '../recording/recorder.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { ReceivedNotification } from '../simulator/provider-stream.ts'
import { inPublic, type RedisAddress } from '../store/redis-address.ts'
import type { RedisStoreObserver } from '../store/redis-store.ts'
import type { StoreObserver } from '../store/store.ts'
import type { PoolObserver } from '../upstream/pool.ts'

interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text?: string
}

/** What became of a route and its notifications; what is not here is said by another line. */
const routeLines: Partial<Record<(RouteEvent | RouteTrace)['event'], Line>> = {
  'notification.accepted': { level: 'debug' },
  'notification.recognised': { level: 'debug' },
  'notification.retried': { level: 'debug' },
  'notification.delivered': { level: 'debug' },
  'notification.rejected': { level: 'info' },
  'notification.unregistered': { level: 'info' },
  'notification.silenced': {
    level: 'warn',
    text: 'reported so often within a minute that the sender seems to loop',
  },
  'notification.expired': { level: 'warn', text: 'given up undelivered' },
  'route.down': {
    level: 'error',
    text: 'APNs refuses the credential of this route; check certificate or key, topic and environment',
  },
  'route.up': { level: 'info' },
}

/** Logs it. */
export function logRoute(log: Logger): (event: RouteEvent | RouteTrace) => void {
  return (event) => {
    const line = routeLines[event.event]
    if (line !== undefined) log[line.level](fieldsOf(event), line.text)
  }
}

/** Enough to follow a notification; the logger turns the token into its tag. */
function fieldsOf(routeEvent: RouteEvent | RouteTrace): object {
  if (!('record' in routeEvent)) return routeEvent
  const { event, record, ...more } = routeEvent
  const { connection, identifier, apnsId, token } = record
  return { event, connection, identifier, apnsId, token, ...more }
}

/** What became of a provider session. */
export function observePool(log: Logger): Omit<PoolObserver, 'refused' | 'steady'> {
  return {
    opening() {
      log.debug({ event: 'session.opening' })
    },
    ready() {
      log.info({ event: 'session.ready' })
    },
    draining(reason) {
      log.info({ event: 'session.draining', reason })
    },
    closed(cause, retryInMs) {
      const fields = { event: 'session.closed', cause, retryInMs: Math.round(retryInMs) }
      if (retryInMs > 0) log.warn(fields)
      else log.info(fields)
    },
  }
}

/** Whether what is received can be written down. */
export function observeStore(log: Logger): StoreObserver {
  return {
    writeFailed(error) {
      log.error(
        { event: 'journal.failed', cause: error.message },
        'the data directory cannot be written; senders wait until it can: make room on its disk',
      )
    },
    writeRecovered() {
      log.info({ event: 'journal.recovered-writing' }, 'the data directory can be written again')
    },
  }
}

/** Whether what is known of senders outlives the process. */
export function observeCensus(log: Logger): CensusObserver {
  return {
    unreadable(file, error) {
      log.warn(
        { event: 'census.unreadable', file, cause: String(error) },
        'put aside; the migration report begins anew',
      )
    },
    writeFailed(file, error) {
      log.warn(
        { event: 'census.failed', file, cause: String(error) },
        'what is known of senders is lost at the next stop; make room on the disk',
      )
    },
  }
}

/** What becomes of the way to Redis. */
export function observeRedis(log: Logger, address: RedisAddress): RedisStoreObserver {
  const redis = inPublic(address)
  return {
    lost(error) {
      log.error(
        { event: 'store.lost', redis, cause: error.message },
        'Redis cannot be reached: a start waits for it; later, memory keeps up to journal.maxUnwritten',
      )
    },
    back(awayMs) {
      log.info({ event: 'store.back', redis, awayMs }, 'Redis has everything again')
    },
    damaged() {
      log.error({ event: 'store.damaged', redis }, 'what another process left cannot be read')
    },
  }
}

/** What became of captures. */
export function observeRecorder(log: Logger): RecorderObserver {
  return {
    exposed(directory) {
      log.warn({ event: 'capture.exposed', directory }, 'others can list it: chmod 700 closes it')
    },
    opened(file, { route, connection }) {
      log.info({ event: 'capture.opened', file, route, connection })
    },
    full(file) {
      log.info({ event: 'capture.full', file }, 'more than --capture-bytes; the connection goes on')
    },
    failed(file, error) {
      const cause = error instanceof Error ? error.message : String(error)
      log.error(
        { event: 'capture.failed', file, cause },
        'cannot be recorded, and further failures are not told; the connections go on',
      )
    },
    finished() {
      log.info({ event: 'capture.finished' }, 'the last of --capture-connections is being recorded')
    },
  }
}

/** What became of a sender's connection. */
export function logConnection(log: Logger, connection: number): (event: ConnectionEvent) => void {
  return (happened) => {
    switch (happened.event) {
      case 'error-response.sent': {
        const { statusCode, identifier } = happened
        const meaning = statusCodeName(statusCode)
        log.info({ event: 'error-response.sent', connection, statusCode, meaning, identifier })
        break
      }
      case 'connection.unreadable':
        log.warn(
          { event: 'connection.unreadable', connection, code: happened.error.code },
          happened.error.message,
        )
        break
      case 'bug': {
        const text = 'a defect of the proxy ended this connection'
        log.error({ event: 'bug', connection, err: happened.error }, text)
        break
      }
      case 'connection.closed': {
        const { received, reported } = happened
        log.info({ event: 'connection.closed', connection, received, reported })
        break
      }
      default:
    }
  }
}

/** What the simulator received, and how it answered. */
export function logSimulated(log: Logger, notification: ReceivedNotification): void {
  const { topic, pushType, priority, credential, apnsId, status, reason } = notification
  const { token } = notification
  const payloadBytes = notification.payload.length
  const what = { topic, pushType, priority, credential, token, apnsId, payloadBytes }
  log.info({ event: 'simulator.notification', ...what, status, reason })
}

/** How the feedback service was read. */
export function observeFeedback(log: Logger): FeedbackObserver {
  return {
    read(count) {
      log.info({ event: 'feedback.read', count })
    },
    abandoned(count) {
      log.warn({ event: 'feedback.abandoned', count }, 'the reader broke off; offered again')
    },
  }
}

/** Why a peer did not become a sender, with the line of configuration that would admit it. */
export function observeListener(log: Logger): ListenerObserver {
  return {
    refused(address, refusal, certificate, environment) {
      const about =
        certificate === undefined
          ? { cure: 'the sender must present its push certificate as TLS client certificate' }
          : {
              subject: certificate.subject,
              fingerprint256: certificate.fingerprint256,
              cure:
                `to admit it, add "sha256:${certificate.publicKeySha256}" to senderCertificates of ` +
                'its route; where a route has no such list yet, list the key of its own ' +
                'certificate too (the command check prints it), or that is admitted no longer',
            }
      log.warn({ event: 'sender.refused', address, refusal, environment, ...about })
    },
    handshakeFailed(address, cause, error, offered) {
      const code = 'code' in error ? error.code : undefined
      const hint = handshakeHint(cause, offered) ?? error.message
      log.warn({ event: 'handshake.failed', address, cause, code, offered }, hint)
    },
    dropped() {
      log.warn({ event: 'connection.dropped' }, 'maxConnections is reached')
    },
  }
}

/** By the latest version that the sender offers, where the listener takes none of them. */
const versionHints: Readonly<Record<string, string>> = {
  TLSv1: 'minVersion: TLSv1 on its listener admits it',
  'TLSv1.1': 'minVersion: TLSv1.1 on its listener admits it',
  'TLSv1.2': 'it insists on TLS 1.3, which breaks old senders; let it speak TLS 1.2',
  SSLv3:
    'no OpenSSL of today speaks it; put a TLS wrapper beside the sender, see getting-started.md',
}

const handshakeHints: Partial<Record<HandshakeCause, string>> = {
  cipher:
    'the sender offers no cipher that is left; minVersion: TLSv1 on its listener admits older ones',
  'not-tls':
    'these bytes are not TLS; behind a load balancer that sends PROXY headers, the listener needs ' +
    'proxyProtocol',
  timeout: 'the peer did not finish the handshake within handshakeTimeoutMs',
  'plain-http': 'this is plain HTTP; the port speaks the binary push protocol under TLS',
  reset: 'the peer went away during the handshake',
  untrusted: 'the sender does not trust the certificate under tls; let it trust the CA behind it',
}

function handshakeHint(cause: HandshakeCause, offered: string | undefined): string | undefined {
  if (cause !== 'tls-version') return handshakeHints[cause]
  const most = offered ?? 'no version that is known'
  const cure = versionHints[most] ?? 'TLS 1.0 to 1.2 can be admitted'
  return `the sender offers ${most} at the most, and the listener does not take it: ${cure}`
}
