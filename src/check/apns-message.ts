/** Messages about a failed connection to the provider API, and about its answers. */
import { readBody } from '../apns/outcome.ts'
import { meaningOf } from '../apns/reason.ts'
import { explanationOf } from '../apns/reason-meaning.ts'
import type { ProbeAnswer, ProbeFault, Step } from './probe.ts'
import { error, ok, splitMessage, warning, type Finding } from './finding.ts'

const inspection =
  'exclude *.push.apple.com from inspection in the firewall; if the firewall must inspect it, name ' +
  'its CA under providerApi.certificateAuthority'
const untrusted =
  'its certificate is not signed by a trusted CA: probably a firewall that inspects TLS answers ' +
  `instead; ${inspection}`
const refused =
  'rejects the client certificate of the route in the handshake; ' +
  'check in the Apple account whether it was revoked or replaced, and give the new certificate'

/** "Finding; cure", by the code of the system or OpenSSL. */
const byCode: Readonly<Record<string, string>> = {
  EAI_AGAIN:
    'its name cannot be resolved now: no DNS server answers; ' +
    'set a DNS server that answers, or add the name to the hosts file',
  ENOTFOUND:
    'the DNS server of this machine does not know its name; ' +
    'correct the name under providerApi, or the DNS: only the old gateway names may point to the proxy',
  ECONNREFUSED:
    'its address refuses the connection; ' +
    'correct host and port under providerApi, or start the simulator if you use it',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the server has a certificate for another name, so it is not the provider API; ' +
    'correct the address of the name in DNS or in the hosts file of this machine',
  CERT_HAS_EXPIRED:
    'its certificate seems to have expired; ' +
    'set the clock of this machine; if the clock is right, check who answers: it is not APNs',
  CERT_NOT_YET_VALID:
    'its certificate seems not to be valid yet; set the clock of this machine (NTP)',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: refused,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: refused,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: refused,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: refused,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: refused,
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: refused,
}

/** By the step that failed, if the code has no message. */
const byStep: Readonly<Record<Step, string>> = {
  proxy:
    'the proxy on the way does not connect to the provider API; ' +
    'correct its address and credentials where they are set, and let it connect to this port',
  dns: 'its name cannot be resolved; check the DNS server of this machine',
  tcp:
    'no TCP connection can be opened: perhaps a firewall drops it; ' +
    'let this machine reach the networks of Apple (docs/configuration.md lists them) at port 443, ' +
    'or at 2197 with the port under providerApi; or set providerApi.proxy',
  tls:
    'the TLS handshake fails; ' +
    'check whether a firewall or a proxy in between interferes with TLS to this address',
  alpn: `does not offer HTTP/2, so another server answers instead of APNs; ${inspection}`,
  http2:
    'accepts the connection, then sends no HTTP/2; ' +
    'try again; if this persists, check the firewalls and proxies on the way',
}

/** @param subject the origin, or the route that connects */
export function faultFinding(subject: string, { code, step, message }: ProbeFault): Finding {
  const { finding, cure } = splitMessage(byCode[code] ?? refusalMessage(code) ?? byStep[step])
  return error(subject, `${finding} (${message})`, cure)
}

/** APNs accepts provider tokens up to an hour old. — source: Apple, "Establishing a token-based connection to APNs" */
const worrisomeSkewMs = 60_000
const fatalSkewMs = 50 * 60_000

/** Compares the clocks. No finding if the peer sends no time. */
export function clockFindings(subject: string, answer: ProbeAnswer, nowMs: number): Finding[] {
  if (answer.dateMs === undefined) return []
  const skewMs = nowMs - answer.dateMs
  if (Math.abs(skewMs) < worrisomeSkewMs)
    return [ok(subject, 'its clock agrees with the clock of this machine')]
  const minutes = Math.round(Math.abs(skewMs) / 60_000)
  const direction = skewMs > 0 ? 'ahead' : 'behind'
  const report = Math.abs(skewMs) < fatalSkewMs ? warning : error
  return [
    report(
      subject,
      `the clock of this machine is ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} ${direction}: ` +
        'expirations are wrong, and APNs may reject provider tokens',
      'set the clock, and keep it right with NTP',
    ),
  ]
}

/** Reasons against the set-up of a route, beside those against its credential. */
const setUpReasons: readonly string[] = [
  'BadTopic',
  'InvalidPushType',
  'MissingTopic',
  'TooManyProviderTokenUpdates',
  'TopicDisallowed',
]

/** "Finding; cure"; undefined for other reasons: the push itself causes those. */
function refusalMessage(reason: string): string | undefined {
  const meaning = meaningOf(reason)
  const isRefusal = meaning === 'credential' || meaning === 'stale-provider-token'
  return isRefusal || setUpReasons.includes(reason) ? explanationOf(reason) : undefined
}

/** @returns undefined if APNs does not reject the credential */
export function refusalFinding(
  subject: string,
  { status, body }: Pick<ProbeAnswer, 'status' | 'body'>,
): Finding | undefined {
  const { reason = '' } = readBody(body)
  const message = refusalMessage(reason)
  if (message === undefined) return undefined
  const { finding, cure } = splitMessage(message)
  return error(subject, `${finding} (${status} ${reason})`, cure)
}

/** Judges the answer to a push that must fail: only BadDeviceToken means that the route works. */
export function answerFinding(subject: string, { status, body }: ProbeAnswer): Finding {
  const { reason } = readBody(body)
  if (reason === 'BadDeviceToken')
    return ok(
      subject,
      'APNs accepts credential and topic: it rejected only the token of a push to no device',
    )
  if (reason === 'DeviceTokenNotForTopic')
    return ok(subject, 'APNs accepts the credential: it rejected the token of a push to no device')
  const refusal = refusalFinding(subject, { status, body })
  if (refusal !== undefined) return refusal
  const what = `APNs answered ${status} ${reason ?? 'without a reason'} to a push to no device`
  if (status >= 429)
    return warning(subject, `${what}: it is busy or out of order`, 'check again in a few minutes')
  return error(
    subject,
    `${what}, and not BadDeviceToken`,
    'check that providerApi points to APNs, and look up the reason in Apple’s documentation',
  )
}
