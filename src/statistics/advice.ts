/** What it takes to move a sender to the HTTP/2 API, in plain words, told by what it does today. */
import type { RouteRecord } from './sender-statistics.ts'
import { notificationsOf, type SenderRecord } from './sender-record.ts'

/** `put-right`: something is lost today, and would be lost again behind another API. */
export type VerdictKind = 'switch-off' | 'idle' | 'replace' | 'put-right' | 'move'

/** Where a sender stands. */
export interface Advice {
  readonly verdict: VerdictKind
  /** The verdict in a sentence. */
  readonly summary: string
  /** What to do, in this order. */
  readonly steps: readonly string[]
}

/** What advice is given on. */
export interface Case {
  readonly sender: SenderRecord
  /** Undefined where the route is not configured any more. */
  readonly route: RouteRecord | undefined
  readonly nowMs: number
}

interface Rule {
  /** Goes wrong already, whatever becomes of the sender. */
  readonly isFault?: true
  readonly when: (about: Case) => boolean
  readonly say: (about: Case) => string
}

const dayMs = 86_400_000
const silentDays = 30
const expiresSoonDays = 60
const hosts = { production: 'api.push.apple.com', sandbox: 'api.sandbox.push.apple.com' }
/** Reasons by which APNs refuses the token itself. */
const tokenReasons = ['BadDeviceToken', 'DeviceTokenNotForTopic', 'invalid-token-size']
/** A sender that is told of fewer may have had nothing to send again. */
const fewTold = 3
const manyConnections = 20
const fast = 500

const rules: readonly Rule[] = [
  {
    when: ({ sender }) => onlyOldTls(sender),
    say: ({ sender }) =>
      `Give it a newer runtime or TLS library: it speaks ${oldVersions(sender).join(' and ')} only, and APNs takes TLS 1.2 or later with ALPN.`,
  },
  {
    when: ({ sender }) => oldVersions(sender).length > 0 && !onlyOldTls(sender),
    say: ({ sender: { tlsVersions } }) =>
      `Find the part of it that is old (connections: ${listed(tlsVersions)}): APNs takes TLS 1.2 or later.`,
  },
  {
    when: ({ route }) => route !== undefined,
    say: ({ route }) =>
      `Send each push as POST https://${hosts[route?.environment ?? 'production']}/3/device/<token in hexadecimal> with apns-topic: ${route?.topic ?? ''}.`,
  },
  {
    when: ({ sender }) => typesOf(sender).length === 1,
    say: ({ sender }) => `Set apns-push-type: ${typesOf(sender).join('')}.${priority(sender)}`,
  },
  {
    when: ({ sender }) => typesOf(sender).length > 1,
    say: ({ sender }) =>
      `Set apns-push-type by what is in the payload, as this proxy does (${listed(sender.pushTypes)}).${priority(sender)}`,
  },
  {
    when: ({ route }) => route?.credential === 'signing-key',
    say: () => 'Sign provider tokens with the signing key (.p8) of its route.',
  },
  { when: ({ route }) => route?.credential === 'certificate', say: certificate },
  {
    when: ({ sender: { withoutExpiration } }) => withoutExpiration > 0,
    say: ({ sender: { withoutExpiration } }) =>
      `Set apns-expiration: 0 where it gives none: ${pushes(withoutExpiration)} of command 2 had no expiration, which meant "do not store"; without the header, APNs stores it.`,
  },
  {
    when: ({ sender: { utf16Payloads } }) => utf16Payloads > 0,
    say: ({ sender: { utf16Payloads } }) =>
      `Encode payloads in UTF-8: ${pushes(utf16Payloads)} came in UTF-16, which the HTTP/2 API does not take.`,
  },
  {
    when: ({ sender: { longTokens } }) => longTokens > 0,
    say: ({ sender: { longTokens } }) =>
      `Leave room for device tokens of any length: ${pushes(longTokens)} went to one longer than 32 bytes.`,
  },
  {
    isFault: true,
    when: ({ sender: { commands } }) => commands[0] > 0,
    say: ({ sender }) =>
      `Read the answer to each request: it uses command 0 ${shareOf(sender.commands[0], sender)}, and cannot be told of bad tokens (${sender.untold} so far).`,
  },
  {
    isFault: true,
    when: ({ sender }) => sum(tokenRejections(sender)) > 0,
    say: ({ sender }) =>
      `Clean its list of tokens: ${pushes(sum(tokenRejections(sender)))} went to tokens that do not belong to this topic and environment (${listed(tokenRejections(sender))}); APNs counts that against the sender.`,
  },
  {
    isFault: true,
    when: ({ sender: { unregistered, feedbackReads } }) => unregistered > 0 && feedbackReads === 0,
    say: ({ sender: { unregistered } }) =>
      `Delete a token that is answered 410: it never reads the feedback service, and sent ${pushes(unregistered)} to devices that are gone.`,
  },
  {
    when: ({ sender: { feedbackReads } }) => feedbackReads > 0,
    say: () =>
      'Delete a token that is answered 410, and leave out what reads the feedback service.',
  },
  {
    isFault: true,
    when: ({ sender: { unreadable } }) => sum(unreadable) > 0,
    say: ({ sender: { unreadable } }) =>
      `Find out why its streams break off (${listed(unreadable)}): "decode" shows where, in what "serve --capture" has recorded.`,
  },
  {
    isFault: true,
    when: ({ sender: { silenced } }) => silenced > 0,
    say: ({ sender: { silenced } }) =>
      `End its loop: it was sent the same error so often that ${silenced} more were kept from it.`,
  },
  {
    when: ({ sender: { repeatedIdentifiers } }) => repeatedIdentifiers > 0,
    say: ({ sender: { repeatedIdentifiers } }) =>
      `Leave its identifiers behind: ${pushes(repeatedIdentifiers)} had that of the push before; over HTTP/2 each request has its own answer.`,
  },
  {
    when: ({ sender: { resent } }) => resent > 0,
    say: ({ sender: { resent } }) =>
      `Leave out what it does after an error response: it sent ${pushes(resent)} again; over HTTP/2 nothing behind a rejected push is lost, and a resend is a second push.`,
  },
  {
    when: ({ sender }) => toldOf(sender) >= fewTold && sender.resent === 0,
    say: ({ sender }) =>
      `Check whether it hears of errors at all: it was told ${toldOf(sender)} times, and has never sent again what stood behind.`,
  },
  {
    when: ({ sender }) =>
      sender.connections >= manyConnections && notificationsOf(sender) < 2 * sender.connections,
    say: ({ sender }) =>
      `Keep one connection open: it opened ${sender.connections} for ${pushes(notificationsOf(sender))}, and APNs takes that for an attack.`,
  },
  {
    when: ({ sender: { peakPerSecond } }) => peakPerSecond >= fast,
    say: ({ sender: { peakPerSecond } }) =>
      `Have many requests under way at once: it sends up to ${peakPerSecond} a second, more than one after the other can do.`,
  },
]

/** What to say of a sender. */
export function adviceOn(about: Case): Advice {
  const due = rules.filter(({ when }) => when(about))
  const faults = due.filter(({ isFault }) => isFault).length
  return { ...verdictOn(about, faults), steps: due.map(({ say }) => say(about)) }
}

function verdictOn({ sender, nowMs }: Case, faults: number): Pick<Advice, 'verdict' | 'summary'> {
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
      summary: 'Cannot speak to APNs with the TLS that it has: replace it, or what it runs on.',
    }
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

function typesOf({ pushTypes }: SenderRecord): string[] {
  return Object.keys(pushTypes).filter((type) => type !== 'none')
}

function priority({ pushTypes }: SenderRecord): string {
  return 'background' in pushTypes ? ' A background push has apns-priority: 5.' : ''
}

function certificate({ route, sender, nowMs }: Case): string {
  const notAfterMs = route?.credentialNotAfterMs ?? sender.certificateNotAfterMs
  const day = new Date(notAfterMs).toISOString().slice(0, 10)
  const use = `Present the push certificate of its route, which is good until ${day}`
  if (notAfterMs - nowMs > expiresSoonDays * dayMs) return `${use}.`
  return route?.topic.startsWith('com.apple.mgmt.') === true
    ? `${use}: renew it first; MDM takes no signing key.`
    : `${use}: renew it first, or take a signing key (.p8), which does not expire.`
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

/** `alert 12, background 3`, most first. */
export function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
