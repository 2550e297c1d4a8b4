/** What may stand in a feedback list. */
import { longestRouteBytes } from './journal-entry.ts'

/** The largest uint32, in UNIX seconds. */
export const latestTimestamp = 0xffff_ffff

/** @throws {RangeError} for milliseconds and other impossible values */
export function checkFeedbackEntry(route: string, timestamp: number): void {
  if (!Number.isInteger(timestamp) || timestamp < 0 || timestamp > latestTimestamp)
    throw new RangeError('the timestamp of a feedback entry is not in UNIX seconds')
  if (Buffer.byteLength(route) > longestRouteBytes)
    throw new RangeError('the name of a route is too long')
}
