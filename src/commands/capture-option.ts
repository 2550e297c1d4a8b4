/** The options of `serve` that record connections. */
import { isIP } from 'node:net'
import type { OptionsOf } from './declaration.ts'
import { flag, text, wholeNumber } from './option.ts'

const implies = 'capture'
const requiresArg = true

/** Options for yargs. */
export const captureOptions = {
  capture: {
    requiresArg,
    ...text('Record connections to files in this folder; see decode and replay'),
  },
  'capture-route': { requiresArg, implies, ...text('Record only this route') },
  'capture-address': {
    requiresArg,
    implies,
    coerce: address,
    ...text('Record only the sender at this address'),
  },
  'capture-bytes': {
    default: 1_048_576,
    ...wholeNumber('capture-bytes', 1024, 2 ** 32, 'Maximum size of a file; recording then stops'),
  },
  'capture-connections': {
    default: 100,
    ...wholeNumber(
      'capture-connections',
      1,
      1_000_000,
      'Maximum number of files; recording then stops',
    ),
  },
  'capture-tokens': { implies, ...flag('Record device tokens in clear, not masked') },
  'capture-payloads': { implies, ...flag('Record payloads in clear, not masked') },
} as const

export type CaptureArguments = OptionsOf<typeof captureOptions>

function address(text: string): string {
  if (isIP(text) !== 0) return text
  throw new Error('--capture-address: write one IP address, as in the log event connection.opened')
}
