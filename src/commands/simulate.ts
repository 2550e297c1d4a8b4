/** The command `simulate`: Apple's HTTP/2 provider API on this machine, to rehearse against. */
import { createPublicKey } from 'node:crypto'
import { join, resolve } from 'node:path'
import type { CommandModule, InferredOptionTypes, Options } from 'yargs'
import { systemClock, type Clock } from '../clock.ts'
import type { Environment } from '../credentials/certificate.ts'
import { loadSigningKey } from '../credentials/credential.ts'
import type { Logger } from '../log.ts'
import { logSimulated } from '../log-observer.ts'
import { openCertificateFolder } from '../simulator/certificate-folder.ts'
import { parseAnswer, parseLatency } from '../simulator/option-text.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../simulator/provider-api.ts'
import type { RegisteredKey } from '../simulator/provider-token-check.ts'
import { RecordFile } from '../simulator/record-file.ts'
import { rehearsalAnswers } from '../simulator/script.ts'
import { ExitCode } from './exit-code.ts'
import { wholeNumber } from './number-option.ts'
import { openLog } from './open-log.ts'
import { stopSignal } from './stop-signal.ts'

const environments = ['production', 'sandbox'] as const satisfies readonly Environment[]

const options = {
  host: { type: 'string', default: '127.0.0.1', describe: 'Address to listen on' },
  port: {
    type: 'number',
    default: 2443,
    coerce: wholeNumber('port', 0, 65_535),
    describe: 'Port to listen on, 0 for any',
  },
  environment: {
    choices: environments,
    default: environments[0],
    describe: 'Which APNs to be; certificates must be made for it',
  },
  answer: {
    type: 'string',
    array: true,
    nargs: 1,
    coerce: (texts: string[]) => texts.map(parseAnswer),
    describe:
      'PREFIX=REASON: how tokens that begin so are answered; also PREFIX=STATUS:REASON; with *N ' +
      'behind, only the first N times. Repeatable. [default: bad=BadDeviceToken dead=Unregistered]',
  },
  latency: {
    type: 'string',
    coerce: parseLatency,
    describe: 'Milliseconds until the answer: 50, or 30-90',
  },
  'max-streams': {
    type: 'number',
    default: 1000,
    coerce: wholeNumber('max-streams', 1, 2 ** 31 - 1),
    describe: 'Requests at once on one connection',
  },
  'goaway-every': {
    type: 'number',
    coerce: wholeNumber('goaway-every', 1, 2 ** 31 - 1),
    describe: 'End a connection politely after so many requests',
  },
  'signing-key': {
    type: 'string',
    implies: ['key-id', 'team-id'],
    describe: 'AuthKey_….p8 that provider tokens must be signed with; without it any is believed',
  },
  'key-id': { type: 'string', implies: 'signing-key', describe: 'Key ID of the signing key' },
  'team-id': { type: 'string', implies: 'signing-key', describe: 'Team ID of the signing key' },
  'data-directory': {
    type: 'string',
    default: 'data',
    describe: 'Keeps the throw-away certificates, in simulator/',
  },
  record: {
    type: 'string',
    describe: 'Append all that is received to this file, tokens and payloads in clear',
  },
} as const satisfies Readonly<Record<string, Options>>

/** What the command line says, in its own spelling. */
export type SimulateArguments = InferredOptionTypes<typeof options>

/** See `apns-legacy-proxy simulate --help`. */
export const simulate: CommandModule<object, SimulateArguments> = {
  command: 'simulate',
  describe: 'Stand in for api.push.apple.com, to rehearse without Apple',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 simulate\n\nAnswers HTTP/2 pushes as Apple would, and delivers none. Logs; ' +
          'the first line names the address and the certificate authority to trust.',
      )
      .options(options)
      .example('$0 simulate', 'Tokens bad… are refused, dead… are gone')
      .example('$0 simulate --answer ab=TooManyRequests*2', 'Tokens ab… pass at the third try'),
  handler: async (args) => {
    const log = openLog()
    const running = await startSimulation(args, { clock: systemClock, log })
    await stopSignal(() => process.exit(ExitCode.failed))
    await running.stop()
    log.info({ event: 'simulator.stopped' })
  },
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
  const folder = join(args['data-directory'], 'simulator')
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
    maxConcurrentStreams: args['max-streams'],
    goawayEvery: args['goaway-every'],
    onNotification: (notification) => {
      logSimulated(log, notification)
      record?.write(notification)
    },
  }
}

function registeredKeys(args: SimulateArguments): RegisteredKey[] | undefined {
  const { 'signing-key': file, 'key-id': keyId, 'team-id': teamId } = args
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
