/** Finds the environment of APNs that knows a device token of the operator, by a push to the device. */
import { randomUUID } from 'node:crypto'
import { readBody } from '../apns/outcome.ts'
import { requestHeaders } from '../apns/request.ts'
import type { UpstreamProxies } from '../config/configuration.ts'
import type { Environment } from '../credentials/certificate.ts'
import type { Clock } from '../timing/clock.ts'
import { authorizationOf, probing, type ApnsCheckOptions, type RouteTarget } from './apns-check.ts'
import { refusalFinding } from './apns-message.ts'
import { error, ok, warning, type Finding } from './finding.ts'
import type { Probe } from './probe.ts'

/** The way to both environments. */
export interface TokenCheckOptions extends Omit<ApnsCheckOptions, 'live'> {
  readonly origins: Readonly<Record<Environment, string>>
  readonly proxies: UpstreamProxies
}

const payload = Buffer.from('{"aps":{"content-available":1}}')
const accepted = 'accepted'

/** @param token hexadecimal; no finding contains it */
export async function tokenFindings(
  { subject, route }: RouteTarget,
  token: string,
  { origins, proxies, certificateAuthority }: TokenCheckOptions,
  clock: Clock,
): Promise<Finding[]> {
  const { topic, environment, credential } = route
  const certificate = credential.kind === 'certificate' ? credential : undefined
  const other = environment === 'production' ? 'sandbox' : 'production'
  const authorization = await authorizationOf(route, clock)
  const push = { apnsId: randomUUID(), token, topic, expiration: 0, payload }
  const headers = requestHeaders({ ...push, pushType: 'background', priority: 5 }, authorization)
  const asking = (
    at: Environment,
    judge: (reason: string, finding: Finding | undefined) => Finding[] | Promise<Finding[]>,
  ): Promise<Finding[]> =>
    probing(
      subject,
      { origin: origins[at], proxy: proxies[at]?.url, certificate, certificateAuthority },
      clock,
      async (probe: Probe) => {
        const answer = await probe.request(headers, payload)
        const reason = readBody(answer.body).reason ?? `HTTP ${answer.status}`
        return judge(answer.status === 200 ? accepted : reason, refusalFinding(subject, answer))
      },
    )
  return asking(environment, (reason, refusal) => {
    if (reason === accepted) return [ok(subject, `the token of --token belongs to ${environment}`)]
    if (reason !== 'BadDeviceToken') return [refusal ?? unclear(subject, environment, reason)]
    return asking(other, (elsewhere) => {
      if (elsewhere !== accepted)
        return [unclear(subject, `${environment}, and ${elsewhere} in ${other}`, reason)]
      const cure = `set environment: ${other} in route ${route.name}`
      return [error(subject, `the token of --token belongs to ${other}, not ${environment}`, cure)]
    })
  })
}

function unclear(subject: string, where: string, reason: string): Finding {
  return warning(
    subject,
    `APNs does not accept the token of --token: ${reason} in ${where}`,
    'give a token that the app of this topic has received lately',
  )
}
