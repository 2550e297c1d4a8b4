/**
 * How fast it is: `npm run bench`, or `npm run bench -- --count 20000 --without-journal`.
 *
 * Measures what is in `dist`. The gateway, the simulated provider API and the sender are processes
 * of their own; they share the cores of this machine, so the CPU time for each notification says
 * more than the rate does.
 */
import { parseArgs } from 'node:util'
import { ensureBuilt } from './built.ts'
import { benchDecoder, type DecoderResult } from './decoder.ts'
import { benchGateway, prepareSetting, type GatewayResult, type Scenario } from './gateway.ts'
import { conditions, decoderTable, gatewayTable, hideProgress, showProgress } from './report.ts'

const connectionCounts = [1, 4]

try {
  const options = scenarioOptions()
  const { stale } = ensureBuilt()
  if (stale)
    console.error('dist/ is older than src/: these are numbers of the past, `npm run build` first')
  console.log(`${conditions(new Date())}\n`)
  console.log(`${decoderTable(await decoderResults())}\n`)
  console.log(gatewayTable(await gatewayResults(options)))
} catch (error) {
  hideProgress()
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
process.exit()

async function decoderResults(): Promise<DecoderResult[]> {
  const results: DecoderResult[] = []
  for (const command of [0, 1, 2] as const) {
    showProgress(`decoder, command ${command}`)
    results.push(await benchDecoder(command))
  }
  hideProgress()
  return results
}

async function gatewayResults(options: Omit<Scenario, 'connections'>): Promise<GatewayResult[]> {
  showProgress('gateway')
  const setting = await prepareSetting()
  const results: GatewayResult[] = []
  for (const connections of connectionCounts)
    results.push(
      await benchGateway(setting, { ...options, connections }, (share) => {
        showProgress(`gateway, connections: ${connections},`, share)
      }),
    )
  hideProgress()
  return results
}

function scenarioOptions(): Omit<Scenario, 'connections'> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '100000' },
      'without-journal': { type: 'boolean', default: false },
    },
  })
  const count = Number(values.count)
  // A tenth is the warm-up, and four connections share each.
  if (!Number.isInteger(count) || count <= 0 || count % 40 !== 0)
    throw new Error('--count: a whole number of notifications, a multiple of 40')
  return { count, journal: !values['without-journal'] }
}
