/** Options of `serve` and `simulate` that choose how the simulator answers. */
import { moods, type Mood } from '../simulator/mood.ts'
import { flag } from './option-builder.ts'

const middleboxes = ['login-page', 'redirect', 'proxy-auth'] as const

export const moodOptions = {
  mood: {
    choices: moods,
    describe: 'Let the simulator answer every push so; ready-made for a bad hour',
    requiresArg: true,
  },
  'environment-mismatch': flag('The same as --mood environment-mismatch', { conflicts: 'mood' }),
  middlebox: {
    choices: middleboxes,
    describe: 'The same as --mood with one of these',
    requiresArg: true,
    conflicts: ['mood', 'environment-mismatch'],
  },
} as const

/** The mood that the options name; undefined for an ordinary rehearsal. */
export function moodOf(args: {
  readonly mood?: Mood | undefined
  readonly environmentMismatch?: boolean | undefined
  readonly middlebox?: Mood | undefined
}): Mood | undefined {
  return (
    args.mood ?? args.middlebox ?? (args.environmentMismatch ? 'environment-mismatch' : undefined)
  )
}
