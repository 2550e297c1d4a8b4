/** Runs one proxy in this process: starts it with the options of `serve`, and stops it on a signal. */
import { systemClock } from '../timing/clock.ts'
import type { CaptureArguments } from '../commands/serve.ts'
import type { Configuration } from '../config/configuration.ts'
import { installCrashGuard } from '../log/crash-guard.ts'
import type { Logger } from '../log/log.ts'
import { logEvents } from '../proxy/log-event.ts'
import type { ProcessControl } from '../proxy/operator-action.ts'
import type { ProxyAddresses } from '../proxy/lifecycle-event.ts'
import { Proxy } from '../proxy/proxy.ts'
import { Recorder } from '../recording/recorder.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import { endNow, stopSignal, type SignalSource } from './stop-signal.ts'

/**
 * @param inherited file descriptors of listening sockets, by name
 * @throws Error if `--capture-route` is not configured
 */
export function proxyOf(
  configuration: Configuration,
  capture: CaptureArguments,
  log: Logger,
  inherited?: ReadonlyMap<string, number>,
  control?: ProcessControl,
): Proxy {
  const recorder = recorderOf(capture, configuration, log)
  const deps = { log, clock: systemClock, random: Math.random, recorder, inherited, control }
  return new Proxy(configuration, deps)
}

/** Undefined without `--capture`. */
function recorderOf(
  args: CaptureArguments,
  { routes }: Configuration,
  log: Logger,
): Recorder | undefined {
  const { capture: directory, captureRoute: route } = args
  if (directory === undefined) return undefined
  const names = routes.map(({ name }) => name)
  if (route !== undefined && !names.includes(route))
    throw new CommandError(
      ExitCode.usage,
      `--capture-route: no route is called ${route}; choose one of ${names.join(', ')}`,
    )
  const options = {
    directory,
    route,
    address: args.captureAddress,
    maxBytes: args.captureBytes,
    maxConnections: args.captureConnections,
    tokens: args.captureTokens === true,
    payloads: args.capturePayloads === true,
  }
  // The recorder logs a folder that it cannot write to.
  return new Recorder(options, systemClock, logEvents(log))
}

/** A proxy that accepts connections. */
export interface Started {
  readonly proxy: Proxy
  readonly addresses: ProxyAddresses
}

/** @throws the system's error, with the configuration key of an address that cannot be bound */
export async function start(proxy: Proxy): Promise<Started> {
  try {
    return { proxy, addresses: await proxy.start() }
  } catch (error) {
    if (isBindError(error)) error.message = `${keysOf(error.port, proxy)}: ${error.message}`
    throw error
  }
}

interface BindError extends Error {
  readonly code: string
  readonly port: number
}

/** Whether another program uses the address. */
export function isAddressInUse(error: unknown): error is BindError {
  return isBindError(error) && error.code === 'EADDRINUSE'
}

/** The system call is `bind` where a supervisor binds the address of a worker. */
function isBindError(error: unknown): error is BindError {
  return (
    error instanceof Error &&
    'port' in error &&
    'syscall' in error &&
    (error.syscall === 'listen' || error.syscall === 'bind')
  )
}

/** The keys of a port in the configuration, such as `admin.port`. */
function keysOf(port: number, { configuration: { listeners, admin } }: Proxy): string {
  const ports = new Map(listeners.map((listener, at) => [`listeners[${at}].port`, listener.port]))
  const keys = [...ports.set('admin.port', admin.port)].filter(([, other]) => other === port)
  return keys.map(([key]) => key).join(' and ')
}

/**
 * Stops the proxy at the first signal, and sets the exit code. A signal before the proxy has started
 * ends the process at once: unsettled notifications are in the journal.
 */
export async function serveUntilSignal(
  started: Promise<Started>,
  log: Logger,
  signals: SignalSource = process,
): Promise<void> {
  installCrashGuard(log)
  const stopped = stopSignal(() => endNow(log), signals)
  const first = await Promise.race([started, stopped])
  if (first === undefined) process.exit(ExitCode.unsettled)
  await stopped
  process.exitCode = (await first.proxy.stop()) ? ExitCode.ok : ExitCode.unsettled
}
