/** The state of a running proxy that the admin port shows. Contains neither tokens nor payloads. */
import type { Command } from '../binary/notification.ts'
import type { Problem } from './problem.ts'
import type { TrafficSample } from './traffic-history.ts'
import type { RouteGauge } from './metrics.ts'
import type { ForeignAnswer } from '../relay/answer-handler.ts'
import type { Standing } from '../relay/setup-guard.ts'
import type { RouteCounters } from '../relay/route-counters.ts'
import type { RejectionRecord } from './recent-rejections.ts'

/** The connection of a sender. */
export interface SenderState {
  readonly address: string
  readonly tlsVersion: string
  readonly receivedByCommand: Readonly<Record<Command, number>>
}

export interface RouteState extends Omit<RouteGauge, 'requestLatency' | 'counters'> {
  readonly counters: Omit<RouteCounters, 'errorResponseLatency'>
  readonly environment: string
  readonly topic: string
  /** Whether no session has accepted requests for a while. */
  readonly isOut: boolean
  /** Why nothing is delivered: APNs refuses the credential, or the set-up is suspected. */
  readonly downReason: string | undefined
  /** Whether {@link downReason} is a suspicion: APNs rejects every token, and no sender is told. */
  readonly isSuspicious: boolean
  readonly standing: Standing
  /** The last answer of a program between the proxy and APNs. */
  readonly foreignAnswer: ForeignAnswer | undefined
  /** Why the last session ended, or could not be opened. */
  readonly outageCause: string | undefined
  /** When a sender last read the feedback service, since the start; null if none did. */
  readonly feedbackReadAtMs: number | null
  readonly credential: CredentialStatus
  readonly senders: readonly SenderState[]
  readonly sessions: readonly SessionStatus[]
}

/**
 * From best to worst: the store writes (`written`); the proxy keeps entries in memory (`unwritten`); the
 * memory for them is full, so senders wait (`full`); the store was never reached (`awaited`).
 */
export type StoreState = 'written' | 'unwritten' | 'full' | 'awaited'

export interface ProxyState {
  readonly atMs: number
  readonly startedAtMs: number
  readonly now: TrafficSample | undefined
  readonly gatewayCertificateNotAfterMs: number
  /** A simulator answers in place of APNs. Default: false. */
  readonly isRehearsal?: boolean
  readonly store: StoreState
  readonly routes: readonly RouteState[]
  /** Judged from what arrives, see `outcome-problems.ts`. */
  readonly outcomeProblems: readonly Problem[]
  /** Newest first. */
  readonly rejections: readonly RejectionRecord[]
}

/** The credential of a route. */
export type CredentialStatus =
  | { readonly kind: 'certificate'; readonly subject: string; readonly notAfterMs: number }
  | { readonly kind: 'signing-key'; readonly keyId: string; readonly teamId: string }

/** A connection to the provider API. */
export interface SessionStatus {
  readonly state: 'opening' | 'ready' | 'draining'
  readonly inFlight: number
  /** Requests that APNs accepts at a time; null if APNs named no limit. */
  readonly streamLimit: number | null
}
