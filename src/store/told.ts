/** What the lists of told tokens of all stores share: how long and how many, and a record as text. */
import { z } from 'zod'
import type { ToldRange, ToldRecord } from './store.ts'

/** What is kept. */
export interface ToldLimits {
  /** Days; 0 keeps nothing. */
  readonly keepDays: number
  /** The oldest go first. */
  readonly maxEntries: number
}

/** Records that wait in memory while the store cannot be written. The oldest go first. */
export const mostUnwritten = 50_000

const dayMs = 86_400_000

/** Records up to this time are removed; ms since the epoch. */
export function outdatedUpTo({ keepDays }: ToldLimits, nowMs: number): number {
  return keepDays === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(nowMs - keepDays * dayMs)
}

const toldRecord: z.ZodType<ToldRecord> = z.object({
  atMs: z.number(),
  kind: z.enum(['error-response', 'feedback']),
  route: z.string(),
  sender: z.string(),
  address: z.string().optional(),
  token: z.string(),
  reason: z.string(),
  apnsId: z.string().optional(),
  identifier: z.number().optional(),
  timestamp: z.number().optional(),
})

/** The record, if `text` is one and within the range. Ignores what another program has written. */
export function parseTold(text: string, { sinceMs, untilMs }: ToldRange): ToldRecord | undefined {
  try {
    const record = toldRecord.parse(JSON.parse(text))
    return record.atMs >= sinceMs && record.atMs < untilMs ? record : undefined
  } catch {
    return undefined
  }
}
