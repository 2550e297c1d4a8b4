/** What the census counts: each observer here hears what another hears, and tells it on. */
import type { Census } from './census/census.ts'
import { countName, countReceived, type SenderFacts } from './census/sender-facts.ts'
import type { Clock } from './clock.ts'
import type { ConnectionObserver } from './gateway/connection.ts'
import type { ListenerObserver } from './gateway/listener.ts'
import type { DeliveryRecord, RelayObserver } from './relay/relay.ts'

/** What one connection says of its sender. */
export function countConnectionOf(
  sender: SenderFacts,
  observer: ConnectionObserver,
): ConnectionObserver {
  let before: number | undefined
  return {
    ...observer,
    received(received, delivery) {
      const { identifier } = received
      if (identifier !== undefined && identifier === before) sender.repeatedIdentifiers++
      before = identifier
      countReceived(sender, received, delivery.request.pushType)
      observer.received(received, delivery)
    },
    judged(rejection, verdict) {
      countName(sender.rejections, rejection.reason)
      if (verdict === 'untold') sender.untold++
      observer.judged(rejection, verdict)
    },
    faulted(error) {
      countName(sender.unreadable, error.code)
      observer.faulted(error)
    },
  }
}

/** What becomes of a route's notifications. */
export function countRelayOf(
  route: string,
  census: Census,
  observer: RelayObserver,
): RelayObserver {
  const count = (
    { sender }: DeliveryRecord,
    name: 'unregistered' | 'silenced' | 'resent',
  ): void => {
    const facts = sender && census.find({ route, publicKeySha256: sender })
    if (facts) facts[name]++
  }
  return {
    ...observer,
    unregistered(record, reason, timestamp) {
      count(record, 'unregistered')
      observer.unregistered(record, reason, timestamp)
    },
    silenced(record, rejection) {
      count(record, 'silenced')
      observer.silenced(record, rejection)
    },
    resent(record) {
      count(record, 'resent')
      observer.resent(record)
    },
  }
}

/** Who was not let in. */
export function countStrangers(
  census: Census,
  clock: Clock,
  observer: ListenerObserver,
): ListenerObserver {
  return {
    ...observer,
    refused(address, refusal, certificate, environment) {
      const { subject, publicKeySha256 } = certificate ?? {}
      census.turnedAway({ address, cause: refusal, subject, publicKeySha256 }, clock.now())
      observer.refused(address, refusal, certificate, environment)
    },
    handshakeFailed(address, cause, error, offered) {
      const refused = cause === 'tls-version' ? offered : undefined
      census.turnedAway({ address, cause, offered: refused }, clock.now())
      observer.handshakeFailed(address, cause, error, offered)
    },
  }
}
