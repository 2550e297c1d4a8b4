/** The options of `serve` that record connections. */
import { isIP } from 'node:net'
import { wholeNumber } from './number-option.ts'

/** Options for yargs. */
export const captureOptions = {
  capture: {
    string: true,
    requiresArg: true,
    describe: 'Record connections into this folder, a file for each; see decode and replay',
  },
  'capture-route': {
    string: true,
    requiresArg: true,
    implies: 'capture',
    describe: 'Record this route alone',
  },
  'capture-address': {
    string: true,
    requiresArg: true,
    implies: 'capture',
    coerce: address,
    describe: 'Record the sender at this address alone',
  },
  'capture-bytes': {
    number: true,
    default: 1_048_576,
    coerce: wholeNumber('capture-bytes', 1024, 2 ** 32),
    describe: 'Bytes that a file may have; recording stops there',
  },
  'capture-connections': {
    number: true,
    default: 100,
    coerce: wholeNumber('capture-connections', 1, 1_000_000),
    describe: 'Files that may be made; recording stops there',
  },
  'capture-tokens': {
    boolean: true,
    implies: 'capture',
    describe: 'Record device tokens in clear, not masked',
  },
  'capture-payloads': {
    boolean: true,
    implies: 'capture',
    describe: 'Record payloads in clear, not masked',
  },
} as const

function address(text: string): string {
  if (isIP(text) !== 0) return text
  throw new Error('--capture-address: write one IP address, as the log has it in connection.opened')
}
