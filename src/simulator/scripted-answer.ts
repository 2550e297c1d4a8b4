/** The answers that a script prescribes for valid notifications, by the beginning of their token. */
import { statusFor } from './reason.ts'

const connectionFaults = ['REFUSED_STREAM', 'RESET', 'SILENCE', 'DISCONNECT'] as const

/** What happens to a stream or its connection in place of an answer. */
export type ConnectionFault = (typeof connectionFaults)[number]

/** True for a reason that is not an answer. */
export function isConnectionFault(reason: string | undefined): reason is ConnectionFault {
  return connectionFaults.some((fault) => fault === reason)
}

/** One line of a script. */
export interface ScriptedAnswer {
  /** Hexadecimal beginning of the device token, in either case; '' means every token. */
  readonly tokenPrefix: string
  /** A reason of Apple's, a {@link ConnectionFault}, or anything else together with a status. */
  readonly reason: string
  /** HTTP status 400–599; default: the one that Apple sends the reason with. */
  readonly status?: number | undefined
  /** Only the first so many requests of each token; default: all of them. */
  readonly times?: number | undefined
}

/** How a request ends: status 200 without a reason, or 0 with a {@link ConnectionFault}. */
export interface Verdict {
  readonly status: number
  readonly reason: string | undefined
}

/** The verdict on a notification that nothing is wrong with. */
const accepted: Verdict = { status: 200, reason: undefined }

/** For a first try by hand: `bad…` is no token of this environment, `dead…` is an app removed. */
export const rehearsalAnswers: readonly ScriptedAnswer[] = [
  { tokenPrefix: 'bad', reason: 'BadDeviceToken' },
  { tokenPrefix: 'dead', reason: 'Unregistered' },
]

interface Line {
  readonly tokenPrefix: string
  readonly verdict: Verdict
  readonly times: number
  /** Requests so far, by token; kept only where `times` limits them. */
  readonly used: Map<string, number>
}

/** A script in use. The first line that matches and is not used up decides. */
export class ScriptedAnswers {
  readonly #lines: readonly Line[]

  /** @throws RangeError naming the line and what is wrong with it */
  constructor(answers: readonly ScriptedAnswer[]) {
    this.#lines = answers.map(lineOf)
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
  const { tokenPrefix, reason, times = Infinity } = answer
  const complain = (problem: string): RangeError =>
    new RangeError(`scripted answer ${JSON.stringify(tokenPrefix)}=${reason}: ${problem}`)
  if (!/^[\da-f]*$/i.test(tokenPrefix)) throw complain('the prefix is not hexadecimal')
  if (!(times >= 1)) throw complain('it must apply at least once')
  const status = isConnectionFault(reason) ? 0 : (answer.status ?? statusFor(reason))
  if (status === undefined) throw complain('give a status with a reason that Apple does not have')
  if (status !== 0 && !(status >= 400 && status <= 599)) throw complain('the status is no error')
  return {
    tokenPrefix: tokenPrefix.toLowerCase(),
    verdict: { status, reason },
    times,
    used: new Map(),
  }
}
