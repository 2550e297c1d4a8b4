/** What `simulate` does: runs Apple's HTTP/2 provider API on this machine, to rehearse against. */
import { createPublicKey } from 'node:crypto'
import { join, resolve } from 'node:path'
import { systemClock, type Clock } from '../timing/clock.ts'
import type { Environment } from '../credentials/certificate.ts'
import { loadSigningKey } from '../credentials/credential.ts'
import type { Logger } from '../log/log.ts'
import { openCertificateFolder } from '../simulator/certificate-folder.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../simulator/provider-api.ts'
import type { RegisteredKey } from '../simulator/provider-token-check.ts'
import { RecordFile } from '../simulator/record-file.ts'
import { rehearsalAnswers, type ScriptedAnswer } from '../simulator/scripted-answer.ts'
import { ExitCode } from './exit-code.ts'
import { openLog } from './open-log.ts'
import { logSimulated } from './simulator-log.ts'
import { stopSignal } from './stop-signal.ts'

/** What the command line says. */
export interface SimulateArguments {
  readonly host: string
  readonly port: number
  readonly environment: Environment
  readonly answer: readonly ScriptedAnswer[] | undefined
  /** Milliseconds. */
  readonly latency: { readonly min: number; readonly max: number } | undefined
  readonly maxStreams: number
  readonly goawayEvery: number | undefined
  /** Path of a .p8. */
  readonly signingKey: string | undefined
  readonly keyId: string | undefined
  readonly teamId: string | undefined
  readonly dataDirectory: string
  /** Path. */
  readonly record: string | undefined
}

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
 * Starts what the command line asks for, logs `simulator.ready` and each notification.
 *
 * @throws Error that names the option or the file
 */
export async function startSimulation(
  args: SimulateArguments,
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<Pick<Simulator, 'origin' | 'stop'>> {
  const { clock, log } = deps
  const folder = join(args.dataDirectory, 'simulator')
  const tls = await openCertificateFolder(folder, hostsOf(args.host), new Date(clock.now()))
  const record = await openRecord(args.record, log)
  const options = { ...simulatorOptions(args, log, record), tls }
  const simulator = await startSimulator(options, { clock, log: log.debug.bind(log) }).catch(
    async (error: unknown) => {
      await record?.close()
      throw error
    },
  )
  const { origin } = simulator
  const certificateAuthority = resolve(tls.certificateAuthorityPath)
  log.info({ event: 'simulator.ready', origin, certificateAuthority })
  return {
    origin,
    stop: async () => {
      await simulator.stop()
      await record?.close()
    },
  }
}

function simulatorOptions(
  args: SimulateArguments,
  log: Logger,
  record: RecordFile | undefined,
): Omit<SimulatorOptions, 'tls'> {
  return {
    host: args.host,
    port: args.port,
    environment: args.environment,
    signingKeys: registeredKeys(args),
    answers: args.answer ?? rehearsalAnswers,
    latencyMs: args.latency,
    maxConcurrentStreams: args.maxStreams,
    goawayEvery: args.goawayEvery,
    onNotification: (notification) => {
      logSimulated(log, notification)
      record?.write(notification)
    },
  }
}

function registeredKeys(args: SimulateArguments): RegisteredKey[] | undefined {
  const { signingKey: file, keyId, teamId } = args
  if (file === undefined || keyId === undefined || teamId === undefined) return undefined
  const { privateKey } = loadSigningKey(file, keyId, teamId)
  return [{ keyId, teamId, publicKey: createPublicKey(privateKey) }]
}

/** The names under which a client on the same machine, or behind `--host`, connects. */
function hostsOf(host: string): string[] {
  return [...new Set(['localhost', '127.0.0.1', '::1', host])]
}

async function openRecord(file: string | undefined, log: Logger): Promise<RecordFile | undefined> {
  if (file === undefined) return undefined
  const onError = ({ message }: Error): void => {
    log.error({ event: 'simulator.record-failed', message })
  }
  return RecordFile.open(file, onError).catch((cause: unknown) => {
    throw new Error(`--record ${file}: the file cannot be written; name another`, { cause })
  })
}
