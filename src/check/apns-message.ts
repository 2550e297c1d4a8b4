/** Messages for the operator: why the provider API could not be reached, or what it answered. */
import { reasonIn, type ProbeAnswer, type ProbeFault, type Step } from './probe.ts'
import { error, ok, splitMessage, warning, type Finding } from './finding.ts'

const inspection =
  'leave connections to *.push.apple.com alone in the firewall; if it has to inspect them, name ' +
  'its CA under providerApi.certificateAuthority'
const untrusted =
  'its certificate is not signed by a CA that is trusted here: something in between answers in ' +
  `its place, such as a firewall that inspects TLS; ${inspection}`
const refused =
  'refuses the client certificate of the route in the handshake; ' +
  'check in the Apple account whether it was revoked or replaced, and give the new one'

/** "What is wrong; what to do", by the code of the system or OpenSSL, whatever the step. */
const byCode: Readonly<Record<string, string>> = {
  EAI_AGAIN:
    'its name cannot be resolved now: no DNS server answers; ' +
    'give this machine a DNS server that answers, or a line in its hosts file',
  ENOTFOUND:
    'its name is not known to the DNS server of this machine; ' +
    'correct the name under providerApi, or the DNS: only the old gateway names may lead to the proxy',
  ECONNREFUSED:
    'its address refuses the connection; ' +
    'correct host and port under providerApi, or start the simulator if you use one',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate there is for another name, so this is not the provider API; ' +
    'correct the address that DNS or the hosts file of this machine has for the name',
  CERT_HAS_EXPIRED:
    'its certificate seems to have expired; ' +
    'set the clock of this machine: if it is right, something in between answers, so check its CA',
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

/** By the step that failed, if the code says nothing. */
const byStep: Readonly<Record<Step, string>> = {
  proxy:
    'providerApi.proxy does not connect to the provider API; ' +
    'correct its address and credentials, and have it allow CONNECT to this port',
  dns: 'its name cannot be resolved; check the DNS server of this machine',
  tcp:
    'no TCP connection can be opened: perhaps a firewall drops it without an answer; ' +
    'let this machine reach 17.0.0.0/8 at port 443, or at 2197 with the port under providerApi',
  tls:
    'the TLS handshake fails; ' +
    'check whether a firewall or a proxy in between interferes with TLS to this address',
  alpn: `does not offer HTTP/2, which APNs needs: something else answers in its place; ${inspection}`,
  http2:
    'accepts the connection, then sends no HTTP/2; ' +
    'try again, and if this stays, check what holds the connection up in between',
}

/** @param subject the origin, or the route that wanted to connect */
export function faultFinding(subject: string, { code, step, message }: ProbeFault): Finding {
  const { finding, cure } = splitMessage(byCode[code] ?? byReason[code] ?? byStep[step])
  return error(subject, `${finding} (${message})`, cure)
}

/** Apple takes provider tokens up to an hour old. — source: Apple, "Establishing a token-based connection to APNs" */
const worrisomeSkewMs = 60_000
const fatalSkewMs = 50 * 60_000

/** How far the clock of this machine is from the peer's; nothing if the peer sends no time. */
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
        'expirations are wrong, and APNs may refuse provider tokens',
      'set the clock, and keep it right with NTP',
    ),
  ]
}

const wrongKey =
  'APNs does not know this signing key under this team; ' +
  'compare keyId and teamId with the developer account, and check that the key is not revoked there'
const wrongTopic =
  'the credential may not send for this topic; ' +
  'remove topic to use that of the certificate; with a signing key, write the bundle ID of the app'

/** "What is wrong; what to do", for every reason that a push to a token without a device may get. */
const byReason: Readonly<Record<string, string>> = {
  BadCertificate:
    'APNs refuses the certificate: it is no push certificate, or was revoked; ' +
    'give the push certificate that the Apple account shows as active',
  BadCertificateEnvironment:
    'the certificate is for the other environment; ' +
    'correct environment of the route, or give a certificate of this one',
  ExpiredProviderToken:
    'APNs finds the provider token too old, though it was made just now; ' +
    'set the clock of this machine (NTP)',
  InvalidProviderToken: wrongKey,
  UnrelatedKeyIdInToken: wrongKey,
  BadEnvironmentKeyIdInToken:
    'the signing key is for the other environment; ' +
    'correct environment of the route, or make a key for both in the developer account',
  MissingProviderToken: `APNs has seen no credential: something in between removed the certificate; ${inspection}`,
  Forbidden:
    'APNs forbids this credential to send; ' +
    'check in the Apple account whether certificate or key is still active',
  TopicDisallowed: wrongTopic,
  BadTopic: wrongTopic,
  MissingTopic: wrongTopic,
  InvalidPushType:
    'the push type does not fit the topic; ' +
    'remove pushType from the route, or choose the one that the topic needs',
  TooManyProviderTokenUpdates:
    'APNs received too many new provider tokens of this team within minutes; ' +
    'wait 20 minutes before the next check --live: the proxy itself renews rarely enough',
}

/** What APNs has against the credential, if anything. */
export function refusalFinding(
  subject: string,
  { status, body }: Pick<ProbeAnswer, 'status' | 'body'>,
): Finding | undefined {
  const reason = reasonIn(body) ?? ''
  const message = byReason[reason]
  if (message === undefined) return undefined
  const { finding, cure } = splitMessage(message)
  return error(subject, `${finding} (${status} ${reason})`, cure)
}

/** Judges the answer to a push that has to fail: only BadDeviceToken means that all is well. */
export function answerFinding(subject: string, { status, body }: ProbeAnswer): Finding {
  const reason = reasonIn(body)
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
    return warning(subject, `${what}: it is busy or out of order`, 'check again in some minutes')
  return error(
    subject,
    `${what}, and not BadDeviceToken`,
    'check that providerApi leads to APNs, and look the reason up in Apple’s documentation',
  )
}
