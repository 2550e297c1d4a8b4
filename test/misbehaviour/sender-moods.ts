/** Every kind of sender that misbehaves. */
import type { SenderMood } from './run.ts'
export const senderMoods: readonly SenderMood[] = []
