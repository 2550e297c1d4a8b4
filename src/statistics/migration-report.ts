/** The migration report: what the statistics know of each sender, and what to do about it. */
import { adviceOn, listed, type Advice } from './advice.ts'
import type { StatisticsSnapshot, RouteRecord, RefusedPeerRecord } from './sender-statistics.ts'
import { notificationsOf, type SenderRecord } from './sender-record.ts'

/** All of it as JSON; times as milliseconds since the epoch, as everywhere in the statistics. */
export interface Report {
  readonly madeAtMs: number
  /** Since when is counted. */
  readonly sinceMs: number
  readonly senders: readonly SenderReport[]
  /** Routes for which nobody has come. */
  readonly unusedRoutes: readonly RouteRecord[]
  readonly turnedAway: readonly RefusedPeerRecord[]
}

/** One sender: what it is, what it does, what to do. */
export interface SenderReport extends Advice {
  readonly notifications: number
  /** Over the days since it was first seen, the present one included. */
  readonly perDay: number
  readonly facts: SenderRecord
  /** null where its route is not configured any more. */
  readonly route: RouteRecord | null
}

const dayMs = 86_400_000

/** Those who send most come first. */
export function reportOf(
  { sinceMs, routes, senders, strangers }: StatisticsSnapshot,
  nowMs: number,
): Report {
  const used = new Set(senders.map(({ route }) => route))
  return {
    madeAtMs: nowMs,
    sinceMs,
    senders: senders
      .map((sender) => reportOn(sender, routes, nowMs))
      .sort((one, other) => other.notifications - one.notifications),
    unusedRoutes: routes.filter(({ name }) => !used.has(name)),
    turnedAway: strangers.toReversed(),
  }
}

function reportOn(
  sender: SenderRecord,
  routes: readonly RouteRecord[],
  nowMs: number,
): SenderReport {
  const route = routes.find(({ name }) => name === sender.route)
  const notifications = notificationsOf(sender)
  const days = Math.max(1, Math.ceil((nowMs - sender.firstSeenMs) / dayMs))
  return {
    ...adviceOn({ sender, route, nowMs }),
    notifications,
    perDay: Math.round(notifications / days),
    facts: sender,
    route: route ?? null,
  }
}

/** For people. */
export function markdownOf(report: Report): string {
  const { senders, unusedRoutes, turnedAway } = report
  return (
    [
      '# Migration report',
      `Made ${time(report.madeAtMs)}; counted since ${time(report.sinceMs)}.`,
      senders.length === 0
        ? 'No sender has connected in this time.'
        : table(['Sender', 'Route', 'Last sent', 'Pushes', 'Verdict'], senders.map(overview)),
      ...senders.flatMap(section),
      ...(unusedRoutes.length === 0 ? [] : ['## Routes without a sender', unused(report)]),
      ...(turnedAway.length === 0
        ? []
        : [
            '## Turned away',
            'None of these has sent anything. The log says with each what would admit it.',
            table(
              ['Address', 'Certificate', 'Cause', 'Times', 'Last'],
              turnedAway.map(refusedPeerRow),
            ),
          ]),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  )
}

function overview({ facts, notifications, summary }: SenderReport): string[] {
  return [
    nameOf(facts),
    quoted(facts.route),
    facts.lastSentMs === null ? 'never' : time(facts.lastSentMs),
    String(notifications),
    summary,
  ]
}

function section({ facts, route, notifications, perDay, summary, steps }: SenderReport): string[] {
  const rows: [string, string | undefined][] = [
    ['Public key', quoted(`sha256:${facts.publicKeySha256}`)],
    [
      'Its certificate',
      facts.certificateNotAfterMs ? `until ${day(facts.certificateNotAfterMs)}` : undefined,
    ],
    [
      'Route',
      route === null ? `${quoted(facts.route)}, no longer configured` : routeInWords(route),
    ],
    ['Seen', `${time(facts.firstSeenMs)} to ${time(facts.lastSeenMs)}`],
    ['Addresses', facts.addresses.map(quoted).join(', ')],
    ['Connections', `${facts.connections} (${listed(facts.tlsVersions)})`],
    [
      'Pushes',
      `${notifications}, ${perDay} a day; at most ${facts.peakPerSecond} in a second, ${facts.peakPerMinute} in a minute`,
    ],
    ['Commands', listed(nonZero(facts.commands))],
    ['Push types', listed(facts.pushTypes)],
    ['Rejected', rejected(facts)],
    ['Devices gone', facts.unregistered > 0 ? pushesTo(facts.unregistered) : undefined],
    ['Sent again', facts.resent > 0 ? String(facts.resent) : undefined],
    ['Unreadable', listed(facts.unreadable)],
    [
      'Feedback read',
      facts.feedbackReadMs === null
        ? 'never'
        : `${facts.feedbackReads} times, last ${time(facts.feedbackReadMs)}`,
    ],
  ]
  return [
    `## ${nameOf(facts)}, route ${quoted(facts.route)}`,
    `**${summary}**`,
    steps.map((step, index) => `${index + 1}. ${step}`).join('\n'),
    table(
      ['What', 'Seen'],
      rows.flatMap(([what, seen]) => (seen ? [[what, seen]] : [])),
    ),
  ]
}

function routeInWords({
  name,
  topic,
  environment,
  credential,
  credentialNotAfterMs,
}: RouteRecord): string {
  const until = credentialNotAfterMs === null ? '' : ` until ${day(credentialNotAfterMs)}`
  return `${quoted(name)}: ${quoted(topic)}, ${environment}, ${credential.replace('-', ' ')}${until}`
}

function rejected({ rejections, untold }: SenderRecord): string | undefined {
  const reasons = listed(rejections)
  return reasons && `${reasons}${untold > 0 ? `; ${untold} of them it was not told` : ''}`
}

function pushesTo(count: number): string {
  return `${count} ${count === 1 ? 'push' : 'pushes'} to them`
}

function unused({ unusedRoutes, sinceMs }: Report): string {
  return unusedRoutes
    .map((route) => `- ${routeInWords(route)}: nobody has come since ${time(sinceMs)}.`)
    .join('\n')
}

function refusedPeerRow({
  address,
  subject,
  publicKeySha256,
  cause,
  offered,
  count,
  lastSeenMs,
}: RefusedPeerRecord): string[] {
  return [
    quoted(address),
    subject === undefined
      ? ''
      : `${quoted(subject)} sha256:${(publicKeySha256 ?? '').slice(0, 12)}…`,
    offered === undefined ? cause : `${cause}, offers ${offered} at the most`,
    String(count),
    time(lastSeenMs),
  ]
}

function nameOf({ subject, publicKeySha256 }: SenderRecord): string {
  return quoted(subject || publicKeySha256.slice(0, 12))
}

function nonZero(commands: SenderRecord['commands']): Record<string, number> {
  return Object.fromEntries(
    Object.entries(commands).flatMap(([command, count]) =>
      count > 0 ? [[`command ${command}:`, count]] : [],
    ),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** What a peer has chosen must not become Markdown, nor a new cell. */
function quoted(text: string): string {
  return `\`${text.replaceAll(/[`|]/g, "'")}\``
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
