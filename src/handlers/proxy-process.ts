/** Runs one proxy in this process: starts it with the options of `serve`, and stops it on a signal. */
import { systemClock } from '../timing/clock.ts'
import type { CaptureArguments } from '../commands/capture-option.ts'
import type { Configuration } from '../config/configuration.ts'
import { installCrashGuard } from '../log/crash-guard.ts'
import type { Logger } from '../log/log.ts'
import { logEvents } from '../proxy/log-event.ts'
import type { ProxyAddresses } from '../proxy/proxy-event.ts'
import { Proxy } from '../proxy/proxy.ts'
import { Recorder } from '../recording/recorder.ts'
import { withKey } from './bind-error.ts'
import { recorderOptions } from './capture.ts'
import { ExitCode } from './exit-code.ts'
import { endNow, stopSignal, type SignalSource } from './stop-signal.ts'

/** @param inherited file descriptors of listening sockets, by name */
export function proxyOf(
  configuration: Configuration,
  capture: CaptureArguments,
  log: Logger,
  inherited?: ReadonlyMap<string, number>,
): Proxy {
  const recording = recorderOptions(capture, configuration)
  // The recorder logs a folder that it cannot write to.
  const recorder = recording && new Recorder(recording, systemClock, logEvents(log))
  const deps = { log, clock: systemClock, random: Math.random, recorder, inherited }
  return new Proxy(configuration, deps)
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
    throw withKey(error, proxy.configuration)
  }
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
