/** Every kind of provider that misbehaves. */
import { answerMoods } from './answer-moods.ts'
import { connectionMoods } from './connection-moods.ts'
import { frameMoods } from './frame-moods.ts'
import type { ProviderMood } from './run.ts'

export const providerMoods: readonly ProviderMood[] = [
  ...frameMoods,
  ...answerMoods,
  ...connectionMoods,
]
