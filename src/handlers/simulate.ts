/** The work of `simulate`: runs a simulator of Apple's HTTP/2 provider API on this machine. */
import { createPublicKey } from 'node:crypto'
import { join, resolve } from 'node:path'
import { systemClock, type Clock } from '../timing/clock.ts'
import { moodOf } from '../commands/mood-option.ts'
import type { SimulateArguments } from '../commands/simulate.ts'
import { loadSigningKey } from '../credentials/credential.ts'
import type { Logger } from '../log/log.ts'
import { openCertificateFolder } from '../simulator/certificate-folder.ts'
import { startSimulator, type Simulator } from '../simulator/provider-api.ts'
import type { ReceivedNotification } from '../simulator/provider-stream.ts'
import type { RegisteredKey } from '../simulator/client-credential.ts'
import { RecordFile } from '../simulator/record-file.ts'
import { answersIn } from '../simulator/mood.ts'
import { ExitCode } from './exit-code.ts'
import { openLog } from './terminal-log.ts'
import { stopSignal } from './stop-signal.ts'

/** Runs until a signal. */
export async function simulate(args: SimulateArguments): Promise<void> {
  const log = openLog()
  // Before `simulator.ready`: a signal that answers this line must find a listener.
  const stopped = stopSignal(() => process.exit(ExitCode.failed))
  const running = await startSimulation(args, { clock: systemClock, log })
  await stopped
  await running.stop()
  log.info({ event: 'simulator.stopped' })
}

/**
 * Starts a simulator with the options of the command line; logs `simulator.ready` and every request.
 * @throws Error that names the option or the file
 */
export async function startSimulation(
  args: SimulateArguments,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Pick<Simulator, 'origin' | 'stop'>> {
  const folder = join(args.dataDirectory, 'simulator')
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', args.host])]
  const tls = await openCertificateFolder(folder, hosts, new Date(clock.now()))
  const record = await openRecord(args.record, log)
  const { host, port, environment } = args
  const mood = moodOf(args)
  try {
    const simulator = await startSimulator(
      {
        host,
        port,
        tls,
        environment,
        signingKeys: registeredKeys(args),
        answers: args.answer ?? answersIn(mood),
        latencyMs: args.latency ?? { min: 0, max: 0 },
        maxConcurrentStreams: args.maxStreams,
        goawayEvery: args.goawayEvery ?? Infinity,
        onNotification: (notification) => {
          logSimulated(log, notification)
          record?.write(notification)
        },
      },
      { clock, log: log.debug.bind(log) },
    )
    const { origin } = simulator
    const certificateAuthority = resolve(tls.certificateAuthorityPath)
    log.info({ event: 'simulator.ready', origin, certificateAuthority, mood })
    return { origin, stop: () => simulator.stop().then(() => record?.close()) }
  } catch (error) {
    await record?.close()
    throw error
  }
}

function registeredKeys(args: SimulateArguments): RegisteredKey[] | undefined {
  const { signingKey: file, keyId, teamId } = args
  if (file === undefined || keyId === undefined || teamId === undefined) return undefined
  const { privateKey } = loadSigningKey(file, keyId, teamId)
  return [{ keyId, teamId, publicKey: createPublicKey(privateKey) }]
}

async function openRecord(file: string | undefined, log: Logger): Promise<RecordFile | undefined> {
  if (file === undefined) return undefined
  const onError = ({ message }: Error): void =>
    log.error({ event: 'simulator.record-failed', message })
  return RecordFile.open(file, onError).catch((cause: unknown) => {
    throw new Error(`--record ${file}: the file cannot be written; name another`, { cause })
  })
}

/** Logs a notification with its answer; the payload only by its size. */
export function logSimulated(log: Logger, notification: ReceivedNotification): void {
  const { topic, pushType, priority, credential, token, apnsId, status, reason } = notification
  const payloadBytes = notification.payload.length
  const what = { topic, pushType, priority, credential, token, apnsId, payloadBytes }
  log.info({ event: 'simulator.notification', ...what, status, reason })
}
