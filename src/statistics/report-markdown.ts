/** Writes the migration report as Markdown. */
import { lifetimeInWords, listed } from './advice.ts'
import { obstacleOf } from './deliveries.ts'
import type { Report, SenderReport } from './migration-report.ts'
import { countedOf, type SenderRecord } from './sender-record.ts'
import type { RefusedPeerRecord, RouteRecord } from './sender-statistics.ts'

export function markdownOf({
  madeAtMs,
  sinceMs,
  senders,
  unusedRoutes,
  turnedAway,
}: Report): string {
  const parts = [
    '# Migration report',
    `Made ${time(madeAtMs)}; counted since ${time(sinceMs)}.`,
    senders.length === 0
      ? 'No sender has connected in this time.'
      : table(['Sender', 'Route', 'Last sent', 'Pushes', 'Verdict'], senders.map(overview)),
    ...senders.flatMap(section),
  ]
  if (unusedRoutes.length > 0) {
    const unused = (route: RouteRecord): string =>
      `- ${routeInWords(route)}: nobody has come since ${time(sinceMs)}.`
    parts.push('## Routes without a sender', unusedRoutes.map(unused).join('\n'))
  }
  if (turnedAway.length > 0)
    parts.push(
      '## Turned away',
      'None of these has sent anything. The log says with each what would admit it.',
      table(['Address', 'Certificate', 'Cause', 'Times', 'Last'], turnedAway.map(refusedPeerRow)),
    )
  return `${parts.join('\n\n').trimEnd()}\n`
}

function overview({ facts, notifications, summary }: SenderReport): string[] {
  const { route, lastSentMs } = facts
  const lastSent = lastSentMs === null ? 'never' : time(lastSentMs)
  return [nameOf(facts), quoted(route), lastSent, String(notifications), summary]
}

function section(report: SenderReport): string[] {
  const { facts, summary, steps } = report
  return [
    `## ${nameOf(facts)}, route ${quoted(facts.route)}`,
    `**${summary}**`,
    steps.map((step, index) => `${index + 1}. ${step}`).join('\n'),
    table(
      ['What', 'Seen'],
      details(report).filter(([, seen]) => seen !== ''),
    ),
  ]
}

/** The rows of a sender; an empty cell where nothing was counted. */
function details(report: SenderReport): [string, string][] {
  const { facts, route, notifications, perDay } = report
  const { certificateNotAfterMs, feedbackReadMs, unregistered: gone } = facts
  return [
    ['Public key', quoted(`sha256:${facts.publicKeySha256}`)],
    ['Its certificate', certificateNotAfterMs ? `until ${day(certificateNotAfterMs)}` : ''],
    ['Route', route ? routeInWords(route) : `${quoted(facts.route)}, no longer configured`],
    ['Seen', `${time(facts.firstSeenMs)} to ${time(facts.lastSeenMs)}`],
    ['Addresses', facts.addresses.map(quoted).join(', ')],
    ['Connections', `${facts.connections} (${listed(facts.tlsVersions)})`],
    [
      'Pushes',
      `${notifications}, ${perDay} a day; at most ${facts.peakPerSecond} in a second, ${facts.peakPerMinute} in a minute`,
    ],
    ['Commands', commandsInWords(facts)],
    ['Push types', listed(facts.pushTypes)],
    ['Without expiration', withoutExpiration(report)],
    ['Delivered', countedOf(facts) > 0 ? `${facts.delivered} of ${countedOf(facts)}` : ''],
    ['Rejected', rejected(facts)],
    ['Devices gone', gone > 0 ? `${gone} ${gone === 1 ? 'push' : 'pushes'} to them` : ''],
    ['Sent again', facts.resent > 0 ? String(facts.resent) : ''],
    ['Expired', facts.expired > 0 ? String(facts.expired) : ''],
    ['Unreadable', listed(facts.unreadable)],
    [
      'Feedback read',
      feedbackReadMs === null
        ? 'never'
        : `${facts.feedbackReads} times, last ${time(feedbackReadMs)}`,
    ],
  ]
}

function routeInWords(route: RouteRecord): string {
  const { name, topic, environment, credential, credentialNotAfterMs } = route
  const until = credentialNotAfterMs === null ? '' : ` until ${day(credentialNotAfterMs)}`
  const obstacle = obstacleOf(route)
  return `${quoted(name)}: ${quoted(topic)}, ${environment}, ${credential.replace('-', ' ')}${until}${obstacle === undefined ? '' : `; ${obstacle}`}`
}

function withoutExpiration({ facts, route }: SenderReport): string {
  const { withoutExpiration: count } = facts
  if (count === 0) return ''
  const lifetime = Math.max(route?.expiration.default ?? 0, route?.expiration.minimum ?? 0)
  return lifetime > 0
    ? `${count} of command 2; the proxy lets them live for ${lifetimeInWords(lifetime)}`
    : `${count} of command 2; the proxy has APNs try them once`
}

function rejected({ rejections, untold }: SenderRecord): string {
  const reasons = listed(rejections)
  return reasons && untold > 0 ? `${reasons}; ${untold} of them it was not told` : reasons
}

function refusedPeerRow(peer: RefusedPeerRecord): string[] {
  const { address, subject, publicKeySha256 = '', cause, offered, count, lastSeenMs } = peer
  return [
    quoted(address),
    subject === undefined ? '' : `${quoted(subject)} sha256:${publicKeySha256.slice(0, 12)}…`,
    offered === undefined ? cause : `${cause}, offers ${offered} at the most`,
    String(count),
    time(lastSeenMs),
  ]
}

function nameOf({ subject, publicKeySha256 }: SenderRecord): string {
  return quoted(subject || publicKeySha256.slice(0, 12))
}

function commandsInWords({ commands }: SenderRecord): string {
  const used = Object.entries(commands).filter(([, count]) => count > 0)
  return listed(Object.fromEntries(used.map(([command, count]) => [`command ${command}:`, count])))
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** As code in one cell: a peer chose the text, and must not write Markdown. */
function quoted(text: string): string {
  return `\`${text.replaceAll(/[`|]/g, "'")}\``
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
