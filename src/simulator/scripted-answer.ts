/** A script: the answers to valid notifications, by the prefix of their device token. */
import { reasons, type Reason } from '../apns/reason.ts'

const connectionFaults = ['REFUSED_STREAM', 'RESET', 'SILENCE', 'DISCONNECT'] as const

/** A fault of the stream or the connection, in place of an answer. */
export type ConnectionFault = (typeof connectionFaults)[number]

export function isConnectionFault(reason: string | undefined): reason is ConnectionFault {
  return connectionFaults.some((fault) => fault === reason)
}

/** What a program between the client and APNs answers: without apns-id, and not as JSON. */
export interface ForeignAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const html = { 'content-type': 'text/html' }

const foreignAnswers = {
  LOGIN_PAGE: { status: 200, headers: html, body: '<html><form>Log in</form></html>' },
  REDIRECT: { status: 302, headers: { location: 'https://portal.invalid/' }, body: '' },
  PROXY_AUTH: {
    status: 407,
    headers: { ...html, 'proxy-authenticate': 'Basic realm="proxy"' },
    body: '<html>Proxy authentication required</html>',
  },
} as const satisfies Readonly<Record<string, ForeignAnswer>>

/** Undefined for a reason that APNs itself gives. */
export function foreignAnswerFor(reason: string | undefined): ForeignAnswer | undefined {
  const known: Readonly<Record<string, ForeignAnswer>> = foreignAnswers
  return reason !== undefined && Object.hasOwn(known, reason) ? known[reason] : undefined
}

/** One line of a script. */
export interface ScriptedAnswer {
  /** Hexadecimal prefix of the device token, in either case; '' = every token. */
  readonly tokenPrefix: string
  /**
   * A reason of Apple's, a {@link ConnectionFault}, `LOGIN_PAGE`, `REDIRECT` or `PROXY_AUTH` for a
   * {@link ForeignAnswer}, or any other word together with a status.
   */
  readonly reason: string
  /** HTTP status 400–599; default: Apple's status for the reason. */
  readonly status?: number | undefined
  /** Applies only to this many first requests of each token; default: to all. */
  readonly times?: number | undefined
  /** Sent as `retry-after`. */
  readonly retryAfterSeconds?: number | undefined
}

/** The answer to a request: 200 without a reason, an error, or 0 with a {@link ConnectionFault}. */
export interface Verdict {
  readonly status: number
  readonly reason: string | undefined
  readonly retryAfterSeconds?: number | undefined
}

const accepted: Verdict = { status: 200, reason: undefined }

interface Line {
  readonly tokenPrefix: string
  readonly verdict: Verdict
  readonly times: number
  /** Requests so far, by token; kept only where `times` limits them. */
  readonly used: Map<string, number>
}

/** A script in use: the first line that matches and is not used up applies. */
export class ScriptedAnswers {
  readonly #lines: readonly Line[]

  /** @throws RangeError that names the line and its fault */
  constructor(answers: readonly ScriptedAnswer[]) {
    this.#lines = answers.map(lineOf)
  }

  /** A program between the client and APNs that answers every request, valid or not. */
  get middlebox(): Verdict | undefined {
    const [line] = this.#lines
    const answersAll = line?.tokenPrefix === '' && line.times === Infinity
    return answersAll && foreignAnswerFor(line.verdict.reason) ? line.verdict : undefined
  }

  /** The verdict on the next valid request for `token`. */
  next(token: string): Verdict {
    if (this.#lines.length === 0) return accepted
    const key = token.toLowerCase()
    const line = this.#lines.find((each) => key.startsWith(each.tokenPrefix) && take(each, key))
    return line?.verdict ?? accepted
  }
}

/** Counts a use of the line; false when it is used up for the token. */
function take({ times, used }: Line, token: string): boolean {
  if (times === Infinity) return true
  const count = used.get(token) ?? 0
  used.set(token, count + 1)
  return count < times
}

function lineOf(answer: ScriptedAnswer): Line {
  const { tokenPrefix, reason, times = Infinity, retryAfterSeconds } = answer
  const complain = (problem: string): RangeError =>
    new RangeError(`scripted answer ${JSON.stringify(tokenPrefix)}=${reason}: ${problem}`)
  if (!/^[\da-f]*$/i.test(tokenPrefix)) throw complain('the prefix must be hexadecimal')
  if (!(times >= 1)) throw complain('the number of times must be at least 1')
  const foreign = foreignAnswerFor(reason)?.status
  const status = isConnectionFault(reason) ? 0 : (answer.status ?? foreign ?? statusFor(reason))
  if (status === undefined) throw complain('Apple has no such reason; give a status with it')
  if (foreign === undefined && status !== 0 && !(status >= 400 && status <= 599))
    throw complain('the status must be from 400 to 599')
  return {
    tokenPrefix: tokenPrefix.toLowerCase(),
    verdict: { status, reason, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
    times,
    used: new Map(),
  }
}

/** The HTTP status that carries a reason; undefined for one that Apple does not document. */
export function statusFor(reason: string): number | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].status : undefined
}
