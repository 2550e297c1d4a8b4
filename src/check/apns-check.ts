/** Checks the connection to the provider API, and its answer to the credential of each route. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { ProviderToken } from '../apns/provider-token.ts'
import { requestFor, requestHeaders } from '../apns/request.ts'
import type { Clock } from '../timing/clock.ts'
import type { Route } from '../config/route.ts'
import type { UpstreamProxy } from '../config/upstream-proxy.ts'
import { addressFindings } from './apple-network.ts'
import { ok, type Finding } from './finding.ts'
import { Probe, ProbeFault, type ProbeTarget } from './probe.ts'
import { rootFindings } from './root-check.ts'
import { answerFinding, clockFindings, faultFinding, refusalFinding } from './apns-message.ts'

/** A route, and the origin of its provider API. */
export interface RouteTarget {
  /** Such as `routes[0] mdm`. */
  readonly subject: string
  readonly route: Route
  readonly origin: string
  /** On the way there. */
  readonly proxy: UpstreamProxy | undefined
}

export interface ApnsCheckOptions {
  /** PEM, trusted in addition to Node's roots. */
  readonly certificateAuthority: string | undefined
  /** Also sends a push to a token that no device has. */
  readonly live: boolean
}

/** Checks each origin without a credential, then the routes of the reachable origins. */
export async function apnsFindings(
  targets: readonly RouteTarget[],
  options: ApnsCheckOptions,
  clock: Clock,
): Promise<Finding[]> {
  const origins = new Map(targets.map(({ origin, proxy }) => [origin, proxy]))
  const groups = [...origins].map(async ([origin, proxy]) => {
    const own = await originFindings(origin, proxy, options, clock)
    if (own.some(({ severity }) => severity === 'error')) return own
    const routes = targets.filter((target) => target.origin === origin)
    const theirs = await Promise.all(routes.map((target) => routeFindings(target, options, clock)))
    return [...own, ...theirs.flat()]
  })
  return (await Promise.all(groups)).flat()
}

/** Not a push: any answer proves that HTTP/2 works, and has the time. */
const question = { ':method': 'GET', ':path': '/' }

async function originFindings(
  origin: string,
  proxy: UpstreamProxy | undefined,
  { certificateAuthority }: ApnsCheckOptions,
  clock: Clock,
): Promise<Finding[]> {
  const target = { origin, certificate: undefined, certificateAuthority, proxy: proxy?.url }
  const found = await probing(origin, target, clock, async (probe) => {
    const answer = await probe.request(question, Buffer.alloc(0))
    const { certificate, path } = probe
    return [
      ok(origin, `reached by HTTP/2 (${path})`),
      ...(certificate ? rootFindings(target, certificate, clock.now()) : []),
      ...clockFindings(origin, answer, clock.now()),
    ]
  })
  if (proxy !== undefined)
    return [ok(origin, `the way there leads through ${proxy.shown}`), ...found]
  const isReached = found.every(({ severity }) => severity !== 'error')
  return [...(await addressFindings(origin, isReached)), ...found]
}

async function routeFindings(
  { subject, route, origin, proxy }: RouteTarget,
  { live, certificateAuthority }: ApnsCheckOptions,
  clock: Clock,
): Promise<Finding[]> {
  const { credential } = route
  const certificate = credential.kind === 'certificate' ? credential : undefined
  if (!live && certificate === undefined) return []
  const target = { origin, certificate, certificateAuthority, proxy: proxy?.url }
  return probing(subject, target, clock, async (probe) => {
    if (!live) {
      const answer = await probe.request(question, Buffer.alloc(0))
      const taken = ok(subject, `${origin} accepts its certificate in the handshake`)
      return [refusalFinding(subject, answer) ?? taken]
    }
    return [answerFinding(subject, await probe.request(...(await impossiblePush(route, clock))))]
  })
}

/** Answers a failed connection with its finding. */
export async function probing(
  subject: string,
  target: ProbeTarget,
  clock: Clock,
  ask: (probe: Probe) => Promise<Finding[]>,
): Promise<Finding[]> {
  let probe: Probe | undefined
  try {
    probe = await Probe.open(target, clock)
    return await ask(probe)
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error
    return [faultFinding(subject, error)]
  } finally {
    probe?.close()
  }
}

/** A push without effect, even if a device had the token. */
async function impossiblePush(
  route: Route,
  clock: Clock,
): Promise<readonly [headers: Record<string, string>, payload: Buffer]> {
  const content = route.topic.startsWith('com.apple.mgmt.') ? { mdm: 'check' } : { aps: {} }
  const push = {
    kind: 'notification',
    command: 2,
    identifier: undefined,
    token: Buffer.alloc(32),
    payload: Buffer.from(JSON.stringify(content)),
    expiration: 0,
    priority: undefined,
  } as const
  const { topic, pushType, priority } = route
  const request = requestFor(push, { topic, pushType, priority }, randomUUID(), clock.now())
  assert(request !== undefined)
  return [requestHeaders(request, await authorizationOf(route, clock)), push.payload]
}

/** Undefined for a certificate. */
export async function authorizationOf(
  { credential }: Route,
  clock: Clock,
): Promise<string | undefined> {
  if (credential.kind === 'certificate') return undefined
  const token = new ProviderToken(credential, clock)
  await token.start()
  token.stop()
  return token.authorization
}
