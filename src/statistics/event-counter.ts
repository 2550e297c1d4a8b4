/** Counts events of connections, routes and listeners for the statistics of senders. */
import type { SenderStatistics } from './sender-statistics.ts'
import { countName, countReceived, type SenderRecord } from './sender-record.ts'
import type { Clock } from '../timing/clock.ts'
import type { ConnectionEvent } from '../gateway/connection-event.ts'
import type { ListenerEvent } from '../gateway/listener-event.ts'
import type { DeliveryRecord, RouteEvent, RouteTrace } from '../relay/route-event.ts'

/** What one connection says of its sender. */
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

/** What becomes of a route's notifications. */
export function routeCounter(
  route: string,
  statistics: SenderStatistics,
): (event: RouteEvent | RouteTrace) => void {
  const recordOf = ({ sender }: DeliveryRecord): SenderRecord | undefined =>
    sender === undefined ? undefined : statistics.find({ route, publicKeySha256: sender })
  return (event) => {
    switch (event.event) {
      case 'notification.unregistered':
        countOne(recordOf(event.record), 'unregistered')
        break
      case 'notification.silenced':
        countOne(recordOf(event.record), 'silenced')
        break
      case 'notification.resent':
        countOne(recordOf(event.record), 'resent')
        break
      case 'rejection.told':
      case 'rejection.untold':
        countRejection(recordOf(event.record), event)
        break
      default:
    }
  }
}

function countOne(
  record: SenderRecord | undefined,
  name: 'unregistered' | 'silenced' | 'resent',
): void {
  if (record !== undefined) record[name]++
}

function countRejection(
  record: SenderRecord | undefined,
  { event, reason }: Extract<RouteEvent, { event: 'rejection.told' | 'rejection.untold' }>,
): void {
  if (record === undefined) return
  countName(record.rejections, reason)
  if (event === 'rejection.untold') record.untold++
}

/** Who was not admitted. */
export function refusalCounter(
  statistics: SenderStatistics,
  clock: Clock,
): (event: ListenerEvent) => void {
  return (event) => {
    switch (event.event) {
      case 'sender.refused': {
        const { address, refusal: cause, certificate } = event
        const { subject, publicKeySha256 } = certificate ?? {}
        statistics.countRefused({ address, cause, subject, publicKeySha256 }, clock.now())
        break
      }
      case 'handshake.failed': {
        const { address, cause, offered } = event
        const refused = cause === 'tls-version' ? offered : undefined
        statistics.countRefused({ address, cause, offered: refused }, clock.now())
        break
      }
      default:
    }
  }
}
