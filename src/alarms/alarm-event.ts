/** What has become of an alarm, for the log. */
import type { AlarmMessage } from './alarm-message.ts'

/** A way to tell somebody. */
export type Channel = 'webhook' | 'command'

/** Names an alarm. */
export interface AlarmName {
  readonly channel: Channel
  readonly id: string
  /** What the alarm tells. */
  readonly tells: AlarmMessage['event']
  readonly code: string
  readonly route?: string | undefined
}

/** Each name is also the name of the log event. */
export type AlarmEvent =
  | ({ readonly event: 'alarm.sent' } & AlarmName)
  /** The next attempt follows. */
  | ({
      readonly event: 'alarm.failed'
      readonly cause: string
      readonly retryInMs: number
    } & AlarmName)
  /** It was not delivered. */
  | ({ readonly event: 'alarm.given-up'; readonly cause: string } & AlarmName)
