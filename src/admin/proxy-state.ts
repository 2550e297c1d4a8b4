/** What the parts of a running proxy tell the administrator. Neither tokens nor payloads are in it. */
import type { Command } from '../binary/notification.ts'
import type { TrafficSample } from './traffic-history.ts'
import type { RouteGauge } from './metrics.ts'
import type { RouteCounters } from '../relay/route-counters.ts'
import type { RejectionRecord } from './recent-rejections.ts'

/** A sender's connection, as far as the page shows it. */
export interface SenderState {
  readonly address: string
  readonly tlsVersion: string
  readonly receivedByCommand: Readonly<Record<Command, number>>
}

/** A route, as far as the page shows it. */
export interface RouteState extends Omit<RouteGauge, 'requestLatency' | 'counters'> {
  readonly counters: Omit<RouteCounters, 'errorResponseLatency'>
  readonly environment: string
  readonly topic: string
  /** Whether no session has taken requests for a while. */
  readonly isOut: boolean
  readonly downReason: string | undefined
  /** Why there was no session the last time. */
  readonly outageCause: string | undefined
  /** When a reader of the feedback service last came, since the start; null where none did. */
  readonly feedbackReadAtMs: number | null
  readonly credential: CredentialStatus
  readonly senders: readonly SenderState[]
  readonly sessions: readonly SessionStatus[]
}

/**
 * What becomes of what is to be remembered, from best to worst: `written`; kept in memory for a
 * while (`unwritten`); neither, so that senders wait (`full`); or there is no store yet (`awaited`).
 */
export type StoreState = 'written' | 'unwritten' | 'full' | 'awaited'

/** Everything that is shown, as it is now. */
export interface ProxyState {
  readonly atMs: number
  readonly startedAtMs: number
  readonly now: TrafficSample | undefined
  readonly gatewayCertificateNotAfterMs: number
  readonly store: StoreState
  readonly routes: readonly RouteState[]
  /** Newest first. */
  readonly rejections: readonly RejectionRecord[]
}

/** What the route sends with. */
export type CredentialStatus =
  | { readonly kind: 'certificate'; readonly subject: string; readonly notAfterMs: number }
  | { readonly kind: 'signing-key'; readonly keyId: string; readonly teamId: string }

/** A connection to the provider API. */
export interface SessionStatus {
  readonly state: 'opening' | 'ready' | 'draining'
  readonly inFlight: number
  /** Requests that APNs takes at a time; null where it has not said. */
  readonly streamLimit: number | null
}
