/** What a route does with its notifications. */
import type { Addressing } from '../apns/request.ts'

/** From the configuration; a reload may change it. */
export interface RoutePolicy extends Addressing {
  /** What a 410 is to the sender: silence and a feedback tuple, or status 8 at once. */
  readonly unregistered: 'feedback' | 'error'
  /** How long a notification that cannot be delivered is tried, seconds. */
  readonly retryForSeconds: number
  /** How long resends are recognised, seconds; 0 = they are observed, and delivered again. */
  readonly resendWindowSeconds: number
}
