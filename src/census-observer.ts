/** Counts events of connections, routes and listeners for the statistics of senders. */
import type { Census } from './census/census.ts'
import { countName, countReceived, type SenderFacts } from './census/sender-facts.ts'
import type { Clock } from './timing/clock.ts'
import type { ConnectionEvent } from './gateway/connection-event.ts'
import type { ListenerEvent } from './gateway/listener-event.ts'
import type { DeliveryRecord, RouteEvent, RouteTrace } from './relay/route-event.ts'

/** What one connection says of its sender. */
export function countConnectionOf(sender: SenderFacts): (event: ConnectionEvent) => void {
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
export function countRouteOf(
  route: string,
  census: Census,
): (event: RouteEvent | RouteTrace) => void {
  const factsOf = ({ sender }: DeliveryRecord): SenderFacts | undefined =>
    sender === undefined ? undefined : census.find({ route, publicKeySha256: sender })
  return (event) => {
    switch (event.event) {
      case 'notification.unregistered':
        countOne(factsOf(event.record), 'unregistered')
        break
      case 'notification.silenced':
        countOne(factsOf(event.record), 'silenced')
        break
      case 'notification.resent':
        countOne(factsOf(event.record), 'resent')
        break
      case 'rejection.told':
      case 'rejection.untold':
        countRejection(factsOf(event.record), event)
        break
      default:
    }
  }
}

function countOne(
  facts: SenderFacts | undefined,
  name: 'unregistered' | 'silenced' | 'resent',
): void {
  if (facts !== undefined) facts[name]++
}

function countRejection(
  facts: SenderFacts | undefined,
  { event, reason }: Extract<RouteEvent, { event: 'rejection.told' | 'rejection.untold' }>,
): void {
  if (facts === undefined) return
  countName(facts.rejections, reason)
  if (event === 'rejection.untold') facts.untold++
}

/** Who was not admitted. */
export function countStrangers(census: Census, clock: Clock): (event: ListenerEvent) => void {
  return (event) => {
    switch (event.event) {
      case 'sender.refused': {
        const { address, refusal: cause, certificate } = event
        const { subject, publicKeySha256 } = certificate ?? {}
        census.turnedAway({ address, cause, subject, publicKeySha256 }, clock.now())
        break
      }
      case 'handshake.failed': {
        const { address, cause, offered } = event
        const refused = cause === 'tls-version' ? offered : undefined
        census.turnedAway({ address, cause, offered: refused }, clock.now())
        break
      }
      default:
    }
  }
}
