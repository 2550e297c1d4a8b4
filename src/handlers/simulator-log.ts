/** The log event for each notification that the simulator receives. */
import type { Logger } from '../log/log.ts'
import type { ReceivedNotification } from '../simulator/provider-stream.ts'

/** Logs a notification with its answer; the payload only by its size. */
export function logSimulated(log: Logger, notification: ReceivedNotification): void {
  const { topic, pushType, priority, credential, token, apnsId, status, reason } = notification
  const payloadBytes = notification.payload.length
  const what = { topic, pushType, priority, credential, token, apnsId, payloadBytes }
  log.info({ event: 'simulator.notification', ...what, status, reason })
}
