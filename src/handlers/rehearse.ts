/** A rehearsal: runs a proxy with a simulator in place of APNs, and prints commands to try. */
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { systemClock } from '../timing/clock.ts'
import type { ServeArguments } from '../commands/serve.ts'
import {
  examineConfiguration,
  loadConfiguration,
  type Configuration,
} from '../config/configuration.ts'
import {
  onFreePorts,
  prepareRehearsal,
  rehearsalConfiguration,
  rehearsed,
  startRehearsalProvider,
} from '../simulator/rehearsal.ts'
import { isAddressInUse } from './bind-error.ts'
import { openLog } from './open-log.ts'
import { proxyOf, serveUntilSignal, start, type Started } from './proxy-process.ts'
import { rehearsalGuide, type SenderFiles } from './rehearsal-guide.ts'
import { logSimulated } from './simulator-log.ts'

/** Runs until a signal; sets the exit code. */
export async function rehearse(args: ServeArguments): Promise<void> {
  const [configuration, sender] = await stage(args)
  const log = openLog(configuration.log.level)
  const onNotification = logSimulated.bind(undefined, log)
  const provider = await startRehearsalProvider(configuration, onNotification, systemClock)
  const startWith = (played: Configuration): Promise<Started> => start(proxyOf(played, args, log))
  try {
    const started = startAnywhere(rehearsed(configuration, provider.providerApi), startWith, sender)
    await serveUntilSignal(started, log)
  } finally {
    await provider.stop()
  }
}

/** Starts on the configured ports, or on free ones if another program uses one of them. */
async function startAnywhere(
  configuration: Configuration,
  startWith: (configuration: Configuration) => Promise<Started>,
  sender: SenderFiles | undefined,
): Promise<Started> {
  let occupied: number | undefined
  const started = await startWith(configuration).catch((error: unknown) => {
    if (!isAddressInUse(error)) throw error
    occupied = error.port
    return startWith(onFreePorts(configuration))
  })
  process.stderr.write(rehearsalGuide(started.addresses, sender, occupied))
  return started
}

/** The configuration of a rehearsal, and the files of a sender that it accepts, if known. */
async function stage({
  config,
  dataDirectory,
}: ServeArguments): Promise<readonly [Configuration, SenderFiles | undefined]> {
  if (config !== undefined) return [loadConfiguration(config), senderFilesOf(config)]
  const files = await prepareRehearsal(dataDirectory, systemClock)
  const sender = { certificate: fromHere(files.sender), ca: fromHere(files.authority) }
  return [rehearsalConfiguration(dataDirectory, files), sender]
}

/** A route that sends with a certificate accepts a sender with the same certificate. */
function senderFilesOf(config: string): SenderFiles | undefined {
  const { parts } = examineConfiguration(config)
  const route = parts?.routes.find(
    (entry) => entry?.certificate !== undefined && entry.senderCertificates === undefined,
  )
  if (route?.certificate === undefined) return undefined
  // `init` writes the CA here.
  const authority = join(dirname(parts?.tls?.certificate ?? ''), 'ca.pem')
  return {
    certificate: fromHere(route.certificate),
    key: route.key && fromHere(route.key),
    'passphrase-file': route.passphraseFile && fromHere(route.passphraseFile),
    ca: existsSync(authority) ? fromHere(authority) : undefined,
  }
}

function fromHere(path: string): string {
  return relative('', path)
}
