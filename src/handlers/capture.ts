/** What `serve` records of its connections. */
import type { CaptureArguments } from '../commands/capture-option.ts'
import type { Configuration } from '../config/configuration.ts'
import type { RecorderOptions } from '../recording/recorder.ts'

/** Undefined without `--capture`. @throws Error for a route that is not configured */
export function recorderOptions(
  args: CaptureArguments,
  { routes }: Pick<Configuration, 'routes'>,
): RecorderOptions | undefined {
  const { capture: directory, captureRoute: route } = args
  if (directory === undefined) return undefined
  const names = routes.map(({ name }) => name)
  if (route !== undefined && !names.includes(route))
    throw new Error(
      `--capture-route: no route is called ${route}; choose one of ${names.join(', ')}`,
    )
  return {
    directory,
    route,
    address: args.captureAddress,
    maxBytes: args.captureBytes,
    maxConnections: args.captureConnections,
    tokens: args.captureTokens === true,
    payloads: args.capturePayloads === true,
  }
}
