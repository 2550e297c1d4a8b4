/** What is to be recorded of the connections of `serve`. */
import type { Configuration } from '../config/configuration.ts'
import type { RecorderOptions } from '../recording/recorder.ts'

/** What the command line says of it. */
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
