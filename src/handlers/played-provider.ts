/** The provider API of a rehearsal: a simulator for each environment. */
import { readFileSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import type { Configuration } from '../config/configuration.ts'
import { loadCertificateCredential } from '../credentials/credential.ts'
import type { Logger } from '../log.ts'
import { logSimulated } from '../log-observer.ts'
import { prepareRehearsal, type PlayedProvider } from '../simulator/rehearsal.ts'
import { startSimulator } from '../simulator/provider-api.ts'
import { rehearsalAnswers } from '../simulator/scripted-answer.ts'

/** Starts both; each notification is logged. */
export async function playProvider(
  { dataDirectory }: Configuration,
  log: Logger,
): Promise<{ readonly providerApi: PlayedProvider; readonly stop: () => Promise<void> }> {
  const files = await prepareRehearsal(dataDirectory, systemClock)
  const tls = loadCertificateCredential({ certificate: files.server })
  const play = (environment: 'production' | 'sandbox'): ReturnType<typeof startSimulator> =>
    startSimulator(
      {
        tls,
        environment,
        answers: rehearsalAnswers,
        onNotification: (notification) => {
          logSimulated(log, notification)
        },
      },
      { clock: systemClock },
    )
  const simulators = { production: await play('production'), sandbox: await play('sandbox') }
  return {
    providerApi: {
      origins: {
        production: simulators.production.origin,
        sandbox: simulators.sandbox.origin,
      },
      certificateAuthority: readFileSync(files.authority, 'utf8'),
    },
    stop: async () => {
      await Promise.all([simulators.production.stop(), simulators.sandbox.stop()])
    },
  }
}
