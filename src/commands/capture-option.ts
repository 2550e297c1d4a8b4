/** The options of `serve` that record connections. */
import { isIP } from 'node:net'
import type { Configuration } from '../config/configuration.ts'
import type { RecorderOptions } from '../recording/recorder.ts'
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

/** What they became on a command line. */
export interface CaptureArguments {
  readonly capture: string | undefined
  readonly captureRoute: string | undefined
  readonly captureAddress: string | undefined
  readonly captureBytes: number
  readonly captureConnections: number
  readonly captureTokens: boolean | undefined
  readonly capturePayloads: boolean | undefined
}

/**
 * Undefined where nothing is to be recorded.
 * @throws Error for a route that is not configured
 */
export function recorderOptions(
  args: CaptureArguments,
  { routes }: Pick<Configuration, 'routes'>,
): RecorderOptions | undefined {
  if (args.capture === undefined) return undefined
  const names = routes.map(({ name }) => name)
  if (args.captureRoute !== undefined && !names.includes(args.captureRoute))
    throw new Error(
      `--capture-route: no route is called ${args.captureRoute}; there is ${names.join(', ')}`,
    )
  return {
    directory: args.capture,
    route: args.captureRoute,
    address: args.captureAddress,
    maxBytes: args.captureBytes,
    maxConnections: args.captureConnections,
    tokens: args.captureTokens === true,
    payloads: args.capturePayloads === true,
  }
}

function address(text: string): string {
  if (isIP(text) !== 0) return text
  throw new Error('--capture-address: write one IP address, as the log has it in connection.opened')
}
