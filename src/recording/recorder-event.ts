/** What happens to captures, for whoever logs it; the connections go on in any case. */

/** Which connection is recorded. */
export interface Recorded {
  readonly kind: 'gateway' | 'feedback'
  readonly route: string
  /** The sender's. */
  readonly address: string
  /** Its number in the log, where it has one. */
  readonly connection?: number
}

/** Each name is also that of the log event. */
export type RecorderEvent =
  /** Others than the owner can list the directory; they cannot read the files. */
  | { readonly event: 'capture.exposed'; readonly directory: string }
  | { readonly event: 'capture.opened'; readonly file: string; readonly about: Recorded }
  | { readonly event: 'capture.full'; readonly file: string }
  /** Emitted once: further failures are not reported. */
  | { readonly event: 'capture.failed'; readonly file: string; readonly error: unknown }
  /** As many connections have been recorded as may be. */
  | { readonly event: 'capture.finished' }
