/** Every kind of sender that misbehaves. */
import { handshakeMoods } from './handshake-moods.ts'
import type { SenderMood } from './run.ts'
import { streamMoods } from './stream-moods.ts'

export const senderMoods: readonly SenderMood[] = [...handshakeMoods, ...streamMoods]
