/** Plans routes for the given credentials, or reports what they need. */
import { basename } from 'node:path'
import {
  dayOf,
  isForSigning,
  usualEnvironment,
  type Environment,
  type PushCertificate,
} from '../credentials/certificate.ts'
import {
  haveSameKey,
  type Credentials,
  type PushIdentity,
  type SenderIdentity,
} from './credential-sorter.ts'

/** The options for facts that the files do not contain. */
type Knowledge = Readonly<Record<'topic' | 'keyId' | 'teamId', string | undefined>>

export interface PlannedRoute {
  readonly name: string
  readonly topic: string
  readonly environment: Environment
  /** All environments that the credential allows. */
  readonly environments: readonly Environment[]
  readonly credential:
    | ({ readonly kind: 'certificate' } & PushIdentity)
    | {
        readonly kind: 'signing-key'
        readonly file: string
        readonly keyId: string
        readonly teamId: string
      }
  /** Empty: the sender has the certificate of the route. */
  readonly senders: readonly SenderIdentity[]
}

/** @throws Error with all problems */
export function planRoutes(
  credentials: Credentials,
  known: Knowledge,
  nowMs: number,
): readonly PlannedRoute[] {
  const problems = [...strayProblems(credentials), ...twinProblems(credentials.pushes)]
  const { signingKeys } = credentials
  const isRetired = ({ certificate }: PushIdentity): boolean =>
    signingKeys.length > 0 && certificate.notAfter.getTime() <= nowMs && !isMdm(certificate.topic)
  const active = credentials.pushes.filter((push) => !isRetired(push))
  const senders = [...credentials.senders, ...credentials.pushes.filter(isRetired)]
  const forKeys = senders.filter(({ certificate }) => !active.some(servesTopicOf(certificate)))
  problems.push(...active.flatMap((push) => pushProblems(push, nowMs)))
  const routes = [
    ...active.map((push) => certificateRoute(push, senders)),
    ...signingKeyRoutes(signingKeys, forKeys, known, problems),
  ]
  if (signingKeys.length === 0) problems.push(...forKeys.map(keyless))
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return withDistinctNames(routes)
}

function isMdm(topic: string | undefined): boolean {
  return topic?.startsWith('com.apple.mgmt.') === true
}

function servesTopicOf({ topic }: PushCertificate): (push: PushIdentity) => boolean {
  return ({ certificate }) => topic !== undefined && certificate.topics.includes(topic)
}

function strayProblems({ strayKeys }: Credentials): string[] {
  return strayKeys.map(
    (file) => `${file}: the key matches none of the given certificates; give its certificate too`,
  )
}

function keyless({ file }: SenderIdentity): string {
  return (
    `${file}: a certificate without its key, but APNs needs both. Export certificate and key ` +
    'together as .p12 (Keychain Access: select both), or give the key as a second file'
  )
}

/** The key of a sender must determine one route. */
function twinProblems(pushes: readonly PushIdentity[]): string[] {
  return pushes.flatMap((push, index) => {
    const twin = pushes.slice(0, index).find((earlier) => haveSameKey(earlier, push))
    if (twin === undefined) return []
    const [topic, other] = [push.certificate.topic, twin.certificate.topic]
    if (topic === other)
      return `${push.file}: has the same key as ${twin.file}; give only the one that expires last`
    return (
      `${push.file}: the certificates for ${String(other)} and ${String(topic)} have the same key, ` +
      'and the proxy tells senders apart by their keys; request one of them anew, with a key of its own'
    )
  })
}

function pushProblems({ certificate, file }: PushIdentity, nowMs: number): string[] {
  if (certificate.topic === undefined && certificate.topics.length === 0)
    return [
      `${file}: names no topic (no UID in its subject), so it is not a push certificate; give the push certificate of the sender`,
    ]
  if (isForSigning(certificate))
    return [
      `${file}: is no push certificate (${certificate.subject}): its UID is a team, not a topic; give the push certificate of the sender`,
    ]
  if (certificate.notAfter.getTime() > nowMs) return []
  return [
    `${file}: expired on ${dayOf(certificate.notAfter)}, so APNs rejects it. Renew it` +
      (isMdm(certificate.topic)
        ? ' at identity.apple.com with the Apple Account that made it ("Renew", never "Create": the topic must stay)'
        : ' in the Apple developer account, or give a signing key (.p8) beside it: then it still identifies the sender'),
  ]
}

function certificateRoute(push: PushIdentity, senders: readonly SenderIdentity[]): PlannedRoute {
  const { certificate } = push
  const topic = certificate.topic ?? certificate.topics[0] ?? ''
  const others = senders.filter((sender) => servesTopicOf(sender.certificate)(push))
  return {
    name: nameFor(topic),
    topic,
    environment: usualEnvironment(certificate),
    environments: push.environments,
    credential: { kind: 'certificate', ...push },
    senders: others.length === 0 ? [] : [push, ...others],
  }
}

const explanation =
  'a signing key identifies the proxy to Apple. It does not identify the sender: old senders ' +
  'show a push certificate when they connect, and a route lists its senders under ' +
  'senderCertificates. Give the certificate of the sender as another file: .pem, .cer or .p12, ' +
  'even if it has expired'

function signingKeyRoutes(
  files: readonly string[],
  senders: readonly SenderIdentity[],
  known: Knowledge,
  problems: string[],
): PlannedRoute[] {
  const [file, ...more] = files
  if (file === undefined) return []
  if (more.length > 0)
    problems.push(`${files.join(', ')}: give one signing key at a time, each with its senders`)
  if (senders.length === 0) problems.push(`${file}: ${explanation}`)
  const keyId = known.keyId ?? /^AuthKey_([A-Z0-9]{10})\.p8$/.exec(basename(file))?.[1]
  if (keyId === undefined)
    problems.push(
      `${file}: its name does not contain the key ID, as AuthKey_<keyId>.p8 would; give it with --key-id`,
    )
  const topicOf = ({ certificate }: SenderIdentity): string | undefined =>
    known.topic ?? certificate.topic
  return [...new Set(senders.map(topicOf))].flatMap((topic) => {
    const group = senders.filter((sender) => topicOf(sender) === topic)
    return signingKeyRoute(file, group, { ...known, keyId, topic }, problems)
  })
}

function signingKeyRoute(
  file: string,
  senders: readonly SenderIdentity[],
  { keyId, topic, ...known }: Knowledge,
  problems: string[],
): PlannedRoute[] {
  const names = senders.map((sender) => sender.file).join(', ')
  const teamId = known.teamId ?? senders.map(teamOf).find((team) => team !== undefined)
  if (topic === undefined)
    problems.push(`${names}: names no topic; give the bundle ID of the app with --topic`)
  if (isMdm(topic))
    problems.push(
      `${names}: MDM topics need a push certificate; renew it instead of using a signing key`,
    )
  if (teamId === undefined)
    problems.push(
      `${names}: does not contain the team ID; give it with --team-id, from the membership page of the Apple developer account`,
    )
  if (keyId === undefined || topic === undefined || teamId === undefined) return []
  return [
    {
      name: nameFor(topic),
      topic,
      environment: 'production',
      environments: ['production', 'sandbox'],
      credential: { kind: 'signing-key', file, keyId, teamId },
      senders,
    },
  ]
}

/** Apple writes the team ID into the organizational unit. — source: push certificates of apps */
function teamOf({ certificate }: SenderIdentity): string | undefined {
  return /(?:^|, )OU=([A-Z0-9]{10})(?:,|$)/.exec(certificate.subject)?.[1]
}

/** `mdm`, or the part of a bundle ID after the company. */
function nameFor(topic: string): string {
  return isMdm(topic) ? 'mdm' : topic.split('.').slice(2).join('-') || topic
}

function withDistinctNames(routes: readonly PlannedRoute[]): PlannedRoute[] {
  const counts = new Map<string, number>()
  return routes.map((route) => {
    const count = (counts.get(route.name) ?? 0) + 1
    counts.set(route.name, count)
    return count === 1 ? route : { ...route, name: `${route.name}-${count}` }
  })
}
