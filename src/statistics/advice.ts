/** What it takes to move a sender to the HTTP/2 API, derived from what the sender does today. */
import type { RouteRecord } from './sender-statistics.ts'
import { cureOf, noneDelivered, obstacleOf, undelivered } from './deliveries.ts'
import { countedOf, notificationsOf, type SenderRecord } from './sender-record.ts'

/** `put-right`: something goes wrong today, and would go wrong with any API. */
export const verdictKinds = ['switch-off', 'idle', 'replace', 'put-right', 'move'] as const

export type VerdictKind = (typeof verdictKinds)[number]

export interface Advice {
  readonly verdict: VerdictKind
  /** The verdict in one sentence. */
  readonly summary: string
  /** What to do, in this order. */
  readonly steps: string[]
}

interface Case {
  readonly sender: SenderRecord
  /** Undefined if the route is no longer configured. */
  readonly route: RouteRecord | undefined
  readonly nowMs: number
}

/** Returns a step, or `false` if the sender does not need it. */
type Rule = (about: Case) => string | false

const dayMs = 86_400_000
const silentDays = 30
const expiresSoonDays = 60
const hosts = { production: 'api.push.apple.com', sandbox: 'api.sandbox.push.apple.com' }
/** Reasons by which APNs rejects the token itself. */
const tokenReasons = ['BadDeviceToken', 'DeviceTokenNotForTopic', 'invalid-token-size']
/** A sender that was told fewer errors may have had nothing to send again. */
const fewTold = 3
const manyConnections = 20
const fast = 500

const requirements: readonly Rule[] = [
  ({ route }) => cureOf(route),
  ({ sender }) =>
    onlyOldTls(sender) &&
    `Give it a newer runtime or TLS library: it speaks ${oldVersions(sender).join(' and ')} only, and APNs requires TLS 1.2 or later with ALPN.`,
  ({ sender }) =>
    oldVersions(sender).length > 0 &&
    !onlyOldTls(sender) &&
    `Find the part of it that is old (connections: ${listed(sender.tlsVersions)}): APNs requires TLS 1.2 or later.`,
  ({ route }) =>
    route !== undefined &&
    `Send each push as POST https://${hosts[route.environment]}/3/device/<token in hexadecimal> with apns-topic: ${route.topic}.`,
  pushType,
  credential,
  expiration,
  ({ sender: { utf16Payloads: count } }) =>
    count > 0 &&
    `Encode payloads in UTF-8: ${pushes(count)} came in UTF-16, which the HTTP/2 API does not accept.`,
  ({ sender: { longTokens: count } }) =>
    count > 0 &&
    `Accept device tokens of any length: ${pushes(count)} went to one longer than 32 bytes.`,
]

/** What goes wrong today, with any API. */
const faults: readonly Rule[] = [
  ({ sender }) =>
    sender.delivered > 0 &&
    2 * sender.delivered < countedOf(sender) - sender.resent &&
    `Find out why only ${sender.delivered} of its ${pushes(countedOf(sender))} were delivered (${listed(undelivered(sender))}).`,
  ({ sender }) =>
    sender.commands[0] > 0 &&
    `Read the answer to each request: it uses command 0 ${shareOf(sender.commands[0], sender)}, and cannot be told of bad tokens (${sender.untold} so far).`,
  ({ sender }) =>
    sum(tokenRejections(sender)) > 0 &&
    `Clean its list of tokens: ${pushes(sum(tokenRejections(sender)))} went to tokens that do not belong to this topic and environment (${listed(tokenRejections(sender))}); APNs counts that against the sender.`,
  ({ sender: { unregistered, feedbackReads } }) =>
    unregistered > 0 &&
    feedbackReads === 0 &&
    `Delete a token that is answered 410: it never reads the feedback service, and sent ${pushes(unregistered)} to devices that are gone.`,
  ({ sender: { unreadable } }) =>
    sum(unreadable) > 0 &&
    `Find out why its streams are malformed (${listed(unreadable)}): record it with "serve --capture", and let "decode" show the fault.`,
  ({ sender: { silenced } }) =>
    silenced > 0 &&
    `End its loop: it received the same error so often that the proxy withheld ${silenced} more.`,
]

/** What the sender does for the binary protocol only. */
const differences: readonly Rule[] = [
  ({ sender: { feedbackReads } }) =>
    feedbackReads > 0 &&
    'Delete a token that is answered 410, and remove the code that reads the feedback service.',
  ({ sender: { repeatedIdentifiers: count } }) =>
    count > 0 &&
    `Do not rely on its identifiers: ${pushes(count)} had the identifier of the push before; over HTTP/2 each request has its own response.`,
  ({ sender: { resent } }) =>
    resent > 0 &&
    `Remove its resending after an error response: it sent ${pushes(resent)} again; over HTTP/2 no push behind a rejected one is lost, and a resend is a second push.`,
  ({ sender }) =>
    toldOf(sender) >= fewTold &&
    sender.resent === 0 &&
    `Check whether it reads error responses: it was told ${toldOf(sender)} times, and never sent the pushes behind again.`,
  ({ sender }) =>
    sender.connections >= manyConnections &&
    notificationsOf(sender) < 2 * sender.connections &&
    `Keep one connection open: it opened ${sender.connections} for ${pushes(notificationsOf(sender))}, and APNs treats that as an attack.`,
  ({ sender: { peakPerSecond } }) =>
    peakPerSecond >= fast &&
    `Send many requests at the same time: it sends up to ${peakPerSecond} a second, which one request after the other cannot reach.`,
]

export function adviceOn(about: Case): Advice {
  const stepsOf = (rules: readonly Rule[]): string[] =>
    rules.map((rule) => rule(about)).filter((step) => step !== false)
  const wrong = stepsOf(faults)
  return {
    ...verdictOn(about, wrong.length),
    steps: [...stepsOf(requirements), ...wrong, ...stepsOf(differences)],
  }
}

function verdictOn({ sender, route, nowMs }: Case, faults: number): Omit<Advice, 'steps'> {
  const silent = Math.floor((nowMs - (sender.lastSentMs ?? sender.firstSeenMs)) / dayMs)
  if (silent >= silentDays) {
    const what = sender.lastSentMs === null ? 'Has sent nothing' : 'Silent'
    return {
      verdict: 'switch-off',
      summary: `${what} for ${silent} days: can probably be switched off.`,
    }
  }
  if (notificationsOf(sender) === 0)
    return { verdict: 'idle', summary: 'Connects, and has sent nothing so far.' }
  if (onlyOldTls(sender))
    return {
      verdict: 'replace',
      summary: 'Cannot speak to APNs with its TLS version: replace it or its runtime.',
    }
  const obstacle = obstacleOf(route)
  const none = noneDelivered(sender)
  if (obstacle !== undefined)
    return {
      verdict: 'put-right',
      summary: `${none ?? 'Nothing is delivered at present'}: ${obstacle}. Put that right first.`,
    }
  if (none !== undefined)
    return { verdict: 'put-right', summary: `${none} (${listed(undelivered(sender))}).` }
  if (faults > 0)
    return {
      verdict: 'put-right',
      summary: `Can move to HTTP/2; ${faults === 1 ? 'one thing goes' : `${faults} things go`} wrong already today.`,
    }
  return { verdict: 'move', summary: 'Can move to HTTP/2: nothing stands in the way.' }
}

function onlyOldTls(sender: SenderRecord): boolean {
  const old = oldVersions(sender).length
  return old > 0 && old === Object.keys(sender.tlsVersions).length
}

function oldVersions({ tlsVersions }: SenderRecord): string[] {
  return Object.keys(tlsVersions)
    .filter((version) => /^(SSLv\d|TLSv1|TLSv1\.1)$/.test(version))
    .sort()
}

function pushType({ sender: { pushTypes } }: Case): string | false {
  const types = Object.keys(pushTypes).filter((type) => type !== 'none')
  if (types.length === 0) return false
  const priority = types.includes('background') ? ' A background push has apns-priority: 5.' : ''
  return types.length === 1
    ? `Set apns-push-type: ${types.join('')}.${priority}`
    : `Set apns-push-type by what is in the payload, as this proxy does (${listed(pushTypes)}).${priority}`
}

function credential({ route, sender, nowMs }: Case): string | false {
  if (route === undefined) return false
  const { reach, reachReason } = route
  const isKey = route.credential === 'signing-key'
  if (reach === 'refused')
    return isKey
      ? `Sign provider tokens with another signing key (.p8) than its route does now: APNs refuses that one (${reachReason}).`
      : `Present another push certificate than its route does now: APNs refuses that one (${reachReason}).`
  if (reach === 'suspected')
    return `Present a credential only after it has delivered here: that of its route may be for another topic or environment.`
  const doubt = reach === 'unproven' ? ' It has not delivered anything here so far.' : ''
  if (isKey) return `Sign provider tokens with the signing key (.p8) of its route.${doubt}`
  const notAfterMs = route.credentialNotAfterMs ?? sender.certificateNotAfterMs
  const day = new Date(notAfterMs).toISOString().slice(0, 10)
  const use = `Present the push certificate of its route, which is valid until ${day}`
  if (notAfterMs - nowMs > expiresSoonDays * dayMs) return `${use}.${doubt}`
  return route.topic.startsWith('com.apple.mgmt.')
    ? `${use}: renew it first; MDM does not accept a signing key.${doubt}`
    : `${use}: renew it first, or use a signing key (.p8), which does not expire.${doubt}`
}

/** See docs/mapping.md for what the proxy does. */
function expiration({ route, sender: { withoutExpiration, commands } }: Case): string | false {
  const { default: usual, minimum } = route?.expiration ?? {}
  const count = withoutExpiration + (usual === undefined ? 0 : commands[0])
  if (count === 0) return false
  const lifetime = Math.max(usual ?? 0, minimum ?? 0)
  return lifetime > 0
    ? `Set apns-expiration to the time ${lifetimeInWords(lifetime)} after sending: ${pushes(count)} left the expiration open, and this proxy lets them live so long (expiration in the route).`
    : `Set apns-expiration: 0 if a push has no expiration: ${pushes(count)} of command 2 had none, which meant "do not store". This proxy sends 0, so a device that is off misses the push (expiration in the route changes that); without the header, APNs stores it.`
}

/** `7 days`, `90 minutes`: the largest unit of which it is a whole number. */
export function lifetimeInWords(seconds: number): string {
  const units = { day: 86_400, hour: 3600, minute: 60, second: 1 }
  const [unit, length] = Object.entries(units).find(([, each]) => seconds % each === 0) ?? ['', 1]
  const count = seconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function shareOf(count: number, sender: SenderRecord): string {
  const total = notificationsOf(sender)
  return count === total ? 'alone' : `for ${count} of ${pushes(total)}`
}

function tokenRejections({ rejections }: SenderRecord): Record<string, number> {
  return Object.fromEntries(
    Object.entries(rejections).filter(([reason]) => tokenReasons.includes(reason)),
  )
}

function toldOf({ rejections, untold }: SenderRecord): number {
  return sum(rejections) - untold
}

function pushes(count: number): string {
  return count === 1 ? 'one push' : `${count} pushes`
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

/** `alert 12, background 3`, the largest count first. */
export function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
