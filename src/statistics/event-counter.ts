/** Counts events of connections, routes and listeners for the statistics of senders. */
import { countName, countReceived, type SenderRecord } from './sender-record.ts'
import type { SenderStatistics } from './sender-statistics.ts'
import type { ConnectionEvent } from '../gateway/connection-event.ts'
import type { ListenerEvent } from '../gateway/listener-event.ts'
import type { RouteEvent, RouteTrace } from '../relay/route-event.ts'
import type { Clock } from '../timing/clock.ts'

/** @param sender whose connection it is */
export function connectionCounter(sender: SenderRecord): (event: ConnectionEvent) => void {
  let before: number | undefined
  return (event) => {
    if (event.event === 'connection.unreadable') countName(sender.unreadable, event.error.code)
    if (event.event !== 'notifications.received') return
    for (const [index, received] of event.received.entries()) {
      const { identifier } = received
      if (identifier !== undefined && identifier === before) sender.repeatedIdentifiers++
      before = identifier
      countReceived(sender, received, event.deliveries[index]?.request.pushType)
    }
  }
}

type CountName = 'expired' | 'unregistered' | 'silenced' | 'resent' | 'untold'

/** The count that an event increases. */
const countOf: Partial<Record<(RouteEvent | RouteTrace)['event'], CountName>> = {
  'notification.unregistered': 'unregistered',
  'notification.expired': 'expired',
  'notification.silenced': 'silenced',
  'notification.resent': 'resent',
  'rejection.untold': 'untold',
}

/** Counts how notifications of a route ended. */
export function routeCounter(
  route: string,
  statistics: SenderStatistics,
): (event: RouteEvent | RouteTrace) => void {
  return (event) => {
    const count = countOf[event.event]
    const isRejection = event.event === 'rejection.told' || event.event === 'rejection.untold'
    if ((count === undefined && !isRejection) || !('record' in event)) return
    const { sender } = event.record
    const record = sender && statistics.find({ route, publicKeySha256: sender })
    if (!record) return
    if (count !== undefined) record[count]++
    if (isRejection) countName(record.rejections, event.reason)
  }
}

/** Counts peers that a listener did not admit. */
export function refusalCounter(
  statistics: SenderStatistics,
  clock: Clock,
): (event: ListenerEvent) => void {
  return (event) => {
    if (event.event === 'sender.refused') {
      const { address, refusal: cause, certificate } = event
      const { subject, publicKeySha256 } = certificate ?? {}
      statistics.countRefused({ address, cause, subject, publicKeySha256 }, clock.now())
    } else if (event.event === 'handshake.failed') {
      const { address, cause } = event
      const offered = cause === 'tls-version' ? event.offered : undefined
      statistics.countRefused({ address, cause, offered }, clock.now())
    }
  }
}
