/** Why the provider API could not be reached, or what it answered, in words for its administrator. */
import { reasonIn, type ProbeAnswer, type ProbeFault, type Step } from './probe.ts'
import { error, ok, warning, type Finding } from './finding.ts'

interface Words {
  readonly finding: string
  readonly cure: string
}

const inspection =
  'let the network leave connections to *.push.apple.com alone; or, where it must look into them, ' +
  'name its CA under providerApi.certificateAuthority'
const untrusted: Words = {
  finding:
    'its certificate is not signed by a CA that is trusted here: something in between answers in ' +
    'its place, such as a firewall that looks into TLS',
  cure: inspection,
}
const refused: Words = {
  finding: 'refuses the client certificate of the route in the handshake',
  cure: 'look whether it was revoked or replaced in the Apple account; if so, give the new one',
}

/** By the code of the system or OpenSSL, whatever the step. */
const byCode: Readonly<Record<string, Words>> = {
  EAI_AGAIN: {
    finding: 'its name cannot be looked up now: no DNS server answers',
    cure: 'give this machine a DNS server that answers, or a line in its hosts file',
  },
  ENOTFOUND: {
    finding: 'its name is not known to the DNS server of this machine',
    cure: 'correct the name under providerApi, or the DNS; only the old names of the gateway may lead to the proxy',
  },
  ECONNREFUSED: {
    finding: 'its address refuses the connection',
    cure: 'correct host and port under providerApi; for a simulator: start it first',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    finding: 'the certificate there is for another name: this is not the provider API',
    cure: 'see where the name leads from this machine (DNS, hosts file), and correct that',
  },
  CERT_HAS_EXPIRED: {
    finding: 'its certificate seems to have expired',
    cure: 'set the clock of this machine; if it is right, something in between answers: see its CA',
  },
  CERT_NOT_YET_VALID: {
    finding: 'its certificate seems not to be valid yet',
    cure: 'set the clock of this machine (NTP)',
  },
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

/** Otherwise by the step that failed. */
const byStep: Readonly<Record<Step, Words>> = {
  proxy: {
    finding: 'the way through providerApi.proxy is shut',
    cure: 'correct its address and credentials, and have it let CONNECT to this port through',
  },
  dns: { finding: 'its name cannot be looked up', cure: 'see to the DNS server of this machine' },
  tcp: {
    finding: 'no connection comes about, as where a firewall drops it in silence',
    cure: 'let this machine reach 17.0.0.0/8 at port 443, or at 2197 with the port under providerApi',
  },
  tls: {
    finding: 'the TLS handshake fails',
    cure: 'see whether a firewall or a proxy in between interferes with TLS to this address',
  },
  alpn: {
    finding:
      'does not offer HTTP/2, without which APNs cannot be used: something else answers in its place',
    cure: inspection,
  },
  http2: {
    finding: 'takes the connection and then says nothing of HTTP/2',
    cure: 'try again; if it stays, see what in between holds the connection up',
  },
}

/** @param subject the origin, or the route that wanted to connect */
export function faultFinding(subject: string, { code, step, message }: ProbeFault): Finding {
  const { finding, cure } = byCode[code] ?? byReason[code] ?? byStep[step]
  return error(subject, `${finding} (${message})`, cure)
}

/** Apple takes provider tokens up to an hour old. — source: Apple, "Establishing a token-based connection to APNs" */
const worrisomeSkewMs = 60_000
const fatalSkewMs = 50 * 60_000

/** How far the clock of this machine is from the peer's; nothing where that does not tell. */
export function clockFindings(subject: string, answer: ProbeAnswer, nowMs: number): Finding[] {
  if (answer.dateMs === undefined) return []
  const skewMs = nowMs - answer.dateMs
  if (Math.abs(skewMs) < worrisomeSkewMs)
    return [ok(subject, 'its clock agrees with that of this machine')]
  const minutes = Math.round(Math.abs(skewMs) / 60_000)
  const direction = skewMs > 0 ? 'ahead' : 'behind'
  const report = Math.abs(skewMs) < fatalSkewMs ? warning : error
  return [
    report(
      subject,
      `the clock of this machine is ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} ${direction}: ` +
        'expirations come out wrong, and provider tokens may be refused',
      'set the clock and keep it so, with NTP',
    ),
  ]
}

const wrongKey: Words = {
  finding: 'APNs does not know this signing key under this team',
  cure: 'compare keyId and teamId with the developer account, and see that the key was not revoked there',
}
const wrongTopic: Words = {
  finding: 'the credential may not send for this topic',
  cure: 'leave topic out to take that of the certificate; with a signing key, write the bundle ID of the app',
}

/** Every reason that a push to an impossible token may bring back, but for the one that is wanted. */
const byReason: Readonly<Record<string, Words>> = {
  BadCertificate: {
    finding: 'APNs refuses the certificate: it is no push certificate, or was revoked',
    cure: 'give the push certificate that the Apple account shows as active',
  },
  BadCertificateEnvironment: {
    finding: 'the certificate is for the other environment',
    cure: 'correct environment of the route, or give a certificate of this one',
  },
  ExpiredProviderToken: {
    finding: 'APNs finds the provider token too old, though it was made just now',
    cure: 'set the clock of this machine (NTP)',
  },
  InvalidProviderToken: wrongKey,
  UnrelatedKeyIdInToken: wrongKey,
  BadEnvironmentKeyIdInToken: {
    finding: 'the signing key is for the other environment',
    cure: 'correct environment of the route, or make a key for both in the developer account',
  },
  MissingProviderToken: {
    finding: 'APNs has seen no credential: something in between took the certificate away',
    cure: inspection,
  },
  Forbidden: {
    finding: 'APNs forbids this credential to send',
    cure: 'see in the Apple account whether certificate or key is still active',
  },
  TopicDisallowed: wrongTopic,
  BadTopic: wrongTopic,
  MissingTopic: wrongTopic,
  InvalidPushType: {
    finding: 'the push type does not fit the topic',
    cure: 'remove pushType from the route, or choose the one that the topic asks for',
  },
  TooManyProviderTokenUpdates: {
    finding: 'APNs was shown too many new provider tokens of this team within minutes',
    cure: 'wait 20 minutes before the next check --live; the proxy itself renews seldom enough',
  },
}

/** What an answer says against the credential, if it does. */
export function refusalFinding(
  subject: string,
  { status, body }: Pick<ProbeAnswer, 'status' | 'body'>,
): Finding | undefined {
  const reason = reasonIn(body) ?? ''
  const known = byReason[reason]
  return known && error(subject, `${known.finding} (${status} ${reason})`, known.cure)
}

/** What the answer to a push says that had to fail; only BadDeviceToken means that all is well. */
export function answerFinding(subject: string, { status, body }: ProbeAnswer): Finding {
  const reason = reasonIn(body)
  if (reason === 'BadDeviceToken')
    return ok(
      subject,
      'APNs takes credential and topic: a push to no device came back as it should',
    )
  if (reason === 'DeviceTokenNotForTopic')
    return ok(subject, 'APNs takes the credential: it judged the token of a push to no device')
  const refusal = refusalFinding(subject, { status, body })
  if (refusal !== undefined) return refusal
  const what = `a push to no device was answered ${status} ${reason ?? 'without a reason'}`
  if (status >= 429)
    return warning(subject, `${what}: APNs is busy or out of order`, 'check again in some minutes')
  return error(
    subject,
    `${what}, where BadDeviceToken was to be expected`,
    'see that providerApi leads to APNs, and look the reason up in Apple’s documentation',
  )
}
