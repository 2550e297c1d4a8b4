/** Whether the pushes of a sender are delivered, and what of its route prevents it. */
import { meaningOf } from '../apns/reason.ts'
import { meaningInWords } from '../apns/reason-meaning.ts'
import { countedOf, notificationsOf, type SenderRecord } from './sender-record.ts'
import type { ReachKind, RouteRecord } from './sender-statistics.ts'

const refusedCredential = {
  certificate: 'APNs refuses the push certificate of its route',
  'signing-key': 'APNs refuses the signing key of its route',
} as const

const obstacles: Readonly<Record<ReachKind, (route: RouteRecord) => string | undefined>> = {
  refused: ({ credential }) => refusedCredential[credential],
  suspected: () => 'APNs rejects every token of its route',
  foreign: () => 'a program between the proxy and APNs answers in place of APNs',
  unreachable: () => 'its route has no connection to APNs',
  proven: () => undefined,
  unproven: () => undefined,
  unknown: () => undefined,
}

/** Why the route delivers nothing at present, as the middle of a sentence; undefined if it delivers. */
export function obstacleOf(route: RouteRecord | undefined): string | undefined {
  const obstacle = route && obstacles[route.reach](route)
  if (route === undefined || obstacle === undefined) return undefined
  return route.reachReason === '' ? obstacle : `${obstacle} (${route.reachReason})`
}

/** What to do about the obstacle; false if there is none. */
export function cureOf(route: RouteRecord | undefined): string | false {
  const obstacle = obstacleOf(route)
  if (route === undefined || obstacle === undefined) return false
  const { reachReason: reason } = route
  const meaning = meaningOf(reason) === undefined ? '' : ` ${meaningInWords(reason)}`
  return `Put its route right first: ${obstacle}.${meaning} "apns-legacy-proxy check --live" shows what is wrong.`
}

/** Says that no push of the sender was delivered, as the beginning of a sentence; otherwise undefined. */
export function noneDelivered(sender: SenderRecord): string | undefined {
  const counted = countedOf(sender)
  if (counted === 0 || sender.delivered > 0) return undefined
  if (notificationsOf(sender) === 1) return 'Its only push was not delivered'
  return `None of its ${counted < notificationsOf(sender) ? 'last ' : ''}${counted} pushes was delivered`
}

/** What became of the pushes that were not delivered, by cause. */
export function undelivered(sender: SenderRecord): Record<string, number> {
  const { rejections, silenced, unregistered, resent, expired, delivered } = sender
  const causes = {
    ...rejections,
    'rejected again and again': silenced,
    'devices gone': unregistered,
    'sent again': resent,
    expired,
  }
  const settled = Object.values(causes).reduce((sum, count) => sum + count, delivered)
  const all = { ...causes, waiting: Math.max(0, countedOf(sender) - settled) }
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0))
}
