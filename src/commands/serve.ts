/** `serve`: the proxy itself, or a rehearsal of it where there is no configuration. */
import { relative } from 'node:path'
import type { CommandModule, InferredOptionTypes } from 'yargs'
import { systemClock } from '../clock.ts'
import { loadConfiguration, type Configuration } from '../config/configuration.ts'
import { loadCertificateCredential } from '../credentials/credential.ts'
import { createLog, type Logger } from '../log.ts'
import { logSimulated } from '../log-observer.ts'
import { Proxy, type ProxyAddresses } from '../proxy.ts'
import {
  prepareRehearsal,
  rehearsalConfiguration,
  type RehearsalFiles,
} from '../rehearsal/rehearsal.ts'
import { rehearsalAnswers } from '../simulator/script.ts'
import { startSimulator } from '../simulator/provider-api.ts'
import { ExitCode } from './exit-code.ts'
import { stopSignal } from './stop-signal.ts'

const options = {
  config: { alias: 'c', string: true, describe: 'Configuration, YAML or JSON' },
  'data-directory': {
    string: true,
    default: 'data',
    describe: 'Where a rehearsal keeps its throw-away certificates',
  },
} as const

/** See `apns-legacy-proxy serve --help`. */
export const serve: CommandModule<object, InferredOptionTypes<typeof options>> = {
  command: 'serve',
  describe: 'Run the gateway; without --config, a rehearsal on this machine alone',
  builder: (yargs) => yargs.options(options),
  handler: ({ config, dataDirectory }) =>
    config === undefined ? rehearse(dataDirectory) : run(loadConfiguration(config), createLog()),
}

/** A defect costs what it touches; it does not take every other sender with it. */
function surviveDefects(log: Logger): void {
  const survive = (error: unknown): void => {
    log.error({ event: 'bug', err: error }, 'a defect of the proxy; please report it')
  }
  process.on('uncaughtException', survive)
  process.on('unhandledRejection', survive)
}

async function run(configuration: Configuration, log: Logger): Promise<void> {
  const proxy = new Proxy(configuration, { log, clock: systemClock, random: Math.random })
  await proxy.start()
  await serveUntilSignal(proxy, log)
}

async function serveUntilSignal(proxy: Proxy, log: Logger): Promise<void> {
  surviveDefects(log)
  await stopSignal(() => process.exit(ExitCode.failed))
  process.exitCode = (await proxy.stop()) ? ExitCode.ok : ExitCode.unsettled
}

async function rehearse(dataDirectory: string): Promise<void> {
  const log = createLog()
  const files = await prepareRehearsal(dataDirectory, systemClock)
  const simulator = await startSimulator(
    {
      tls: loadCertificateCredential({ certificate: files.server }),
      answers: rehearsalAnswers,
      onNotification: (notification) => {
        logSimulated(log, notification)
      },
    },
    { clock: systemClock },
  )
  const { proxy, addresses } = await startRehearsal(files, simulator.origin, log)
  process.stderr.write(guide(files, addresses))
  await serveUntilSignal(proxy, log)
  await simulator.stop()
}

/** On the ports that senders know, or on free ones where something else is there. */
async function startRehearsal(
  files: RehearsalFiles,
  origin: string,
  log: Logger,
): Promise<{ proxy: Proxy; addresses: ProxyAddresses }> {
  const start = async (
    ports: Parameters<typeof rehearsalConfiguration>[2],
  ): Promise<{ proxy: Proxy; addresses: ProxyAddresses }> => {
    const configuration = rehearsalConfiguration(files, origin, ports)
    const proxy = new Proxy(configuration, { log, clock: systemClock, random: Math.random })
    return { proxy, addresses: await proxy.start() }
  }
  try {
    return await start({ gateway: 2195, feedback: 2196, admin: 9195 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    return start({ gateway: 0, feedback: 0, admin: 0 })
  }
}

/** What a newcomer needs next; on stderr, since stdout carries the log. */
function guide(files: RehearsalFiles, { listeners, admin }: ProxyAddresses): string {
  const port = listeners[0]?.port ?? 0
  const where = [
    ...(port === 2195 ? [] : [`--port ${port}`]),
    `--certificate ${relative('', files.sender)}`,
    `--ca ${relative('', files.authority)}`,
  ].join(' ')
  return `
Rehearsal: a gateway on 127.0.0.1:${port}, and behind it a simulated provider API.
Nothing leaves this machine. In another terminal:

  a notification that is delivered (the log line simulator.notification shows its arrival)
    npx apns-legacy-proxy send ${where} --token ${'0123456789abcdef'.repeat(4)}

  one that is rejected: the gateway answers with an error response
    npx apns-legacy-proxy send ${where} --token ${'bad0'.repeat(16)}

Health: http://127.0.0.1:${admin.port}/readyz   Metrics: http://127.0.0.1:${admin.port}/metrics
With certificates of your own: serve --config FILE, see docs/configuration.md. Ctrl-C stops.

`
}
