/** What a route has received and what became of it, as plain counts. */
import { reasons, type Meaning } from '../apns/reason.ts'
import { refusalStatus, type Command } from '../binary/notification.ts'
import { LatencyHistogram } from '../timing/latency-histogram.ts'

/**
 * How a received notification ended, each in exactly one of these. `rejected`: the sender was told;
 *
 * `untold`: rejected; the sender was not told, and no resend came in time through which to tell it;
 * `unregistered`: accepted on the wire, its token goes to the feedback service; `resent`: recognised
 * as a second copy; `expired`: given up.
 */
export const settledOutcomes = [
  'delivered',
  'unregistered',
  'rejected',
  'untold',
  'resent',
  'expired',
] as const

/** One of {@link settledOutcomes}. */
export type SettledOutcome = (typeof settledOutcomes)[number]

/**
 * Why a request was sent again. `throttled`: 429; `server-error`: 5xx; `foreign`: a program between
 * the proxy and APNs answered; `unanswered`: no answer; `other-answer`: any other answer of APNs.
 */
export const retryCauses = [
  'throttled',
  'server-error',
  'foreign',
  'unanswered',
  'other-answer',
] as const

/** One of {@link retryCauses}. */
export type RetryCause = (typeof retryCauses)[number]

/** A payload that is no JSON object, which no provider API would take. */
export const payloadNotAnObject = 'payload-not-an-object'

const rejecting: readonly Meaning[] = ['rejected', 'unregistered']

/**
 * Counts since start. Received and recovered minus settled is what the gateway owns, with the
 * rejections that still await a resend.
 */
export interface RouteCounters {
  /** What senders sent. */
  readonly received: Record<Command, number>
  /** What an earlier process, or another one, had left in the journal. */
  recovered: number
  readonly settled: Record<SettledOutcome, number>
  /**
   * Rejections, told or not, by APNs' reason or the proxy's own code; `other` takes what nobody
   * knew when this was written, so that the names stay few.
   */
  readonly rejections: Record<string, number>
  /** Requests that were sent once more. */
  readonly retries: Record<RetryCause, number>
  /** Answers of a program between the proxy and APNs. */
  foreignAnswers: number
  /** From a rejected notification's arrival to its error response. */
  readonly errorResponseLatency: LatencyHistogram
}

/** All zero. */
export function newCounters(): RouteCounters {
  return {
    received: { 0: 0, 1: 0, 2: 0 },
    recovered: 0,
    settled: { delivered: 0, unregistered: 0, rejected: 0, untold: 0, resent: 0, expired: 0 },
    rejections: Object.fromEntries(rejectionReasons.map((reason) => [reason, 0])),
    retries: { throttled: 0, 'server-error': 0, foreign: 0, unanswered: 0, 'other-answer': 0 },
    foreignAnswers: 0,
    errorResponseLatency: new LatencyHistogram(),
  }
}

const rejectionReasons: readonly string[] = [
  ...Object.entries(reasons).flatMap(([reason, { meaning }]) =>
    rejecting.includes(meaning) ? [reason] : [],
  ),
  ...Object.keys(refusalStatus),
  payloadNotAnObject,
  'other',
]

/** Counts a rejection under its reason. */
export function countRejection({ rejections }: RouteCounters, reason: string): void {
  const name = Object.hasOwn(rejections, reason) ? reason : 'other'
  rejections[name] = (rejections[name] ?? 0) + 1
}
