/**
 * How fast it is: `npm run bench`, or `npm run bench -- --only latency`.
 *
 * Measures what is in `dist`. Gateway, upstream, sender and clients are processes of their own; they
 * share the cores of this machine, so the CPU time for each notification says more than the rate.
 */
import { parseArgs } from 'node:util'
import { measureAdmin, mostLossPercent } from './admin.ts'
import { ensureBuilt } from './built.ts'
import { measureBurst } from './burst.ts'
import { compare } from './comparison.ts'
import { measureConnections } from './connections.ts'
import { benchDecoder } from './decoder.ts'
import { measureFloods } from './floods.ts'
import { measureIdle } from './idle.ts'
import { measureLatency } from './latency.ts'
import { measureLongPaths } from './long-path.ts'
import { measureMemory } from './memory.ts'
import { measureStarts } from './start.ts'
import { measureStores } from './store.ts'
import { wholeBlocks } from './notification.ts'
import {
  adminTable,
  burstTable,
  comparisonTable,
  conditions,
  connectionsTable,
  decoderTable,
  floodTable,
  hideProgress,
  idleTable,
  latencyTable,
  longPathTable,
  memoryTable,
  startTable,
  storeTable,
  workersTable,
} from './report.ts'
import { prepareSetting, type Setting } from './setting.ts'
import { measureWorkers } from './workers.ts'

/** In the order in which they run; each comes to a table. */
const parts: Readonly<Record<string, (setting: Setting, count: number) => Promise<string>>> = {
  decoder: async () => decoderTable(await benchDecoder()),
  start: async () => startTable(await measureStarts()),
  comparison: async (setting, count) => comparisonTable(await compare(setting, count)),
  connections: async (setting) => connectionsTable(await measureConnections(setting)),
  burst: async (setting) => burstTable(await measureBurst(setting)),
  latency: async (setting) => latencyTable(await measureLatency(setting)),
  'long-path': async (setting) => longPathTable(await measureLongPaths(setting)),
  admin: async (setting, count) => {
    const load = await measureAdmin(setting, count)
    if (load.lossPercent >= mostLossPercent) process.exitCode = 1
    return adminTable(load)
  },
  store: async (setting, count) => storeTable(await measureStores(setting, count)),
  workers: async (setting, count) => workersTable(await measureWorkers(setting, count)),
  memory: async (setting, count) => memoryTable(await measureMemory(setting, 4 * count)),
  idle: async (setting) => idleTable(await measureIdle(setting)),
  floods: async (setting) => floodTable(await measureFloods(setting)),
}

try {
  const { count, chosen } = options()
  const { stale } = ensureBuilt()
  if (stale)
    console.error(
      'dist/ is older than src/. To measure the current code, run `npm run build` first.',
    )
  console.log(conditions(new Date()))
  const setting = await prepareSetting()
  for (const [name, part] of Object.entries(parts))
    if (chosen === undefined || chosen === name) {
      const table = await part(setting, count)
      hideProgress()
      console.log(`\n${table}`)
    }
} catch (error) {
  hideProgress()
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
process.exit()

function options(): { readonly count: number; readonly chosen: string | undefined } {
  const { values } = parseArgs({
    options: { count: { type: 'string', default: '500000' }, only: { type: 'string' } },
  })
  const { count, only: chosen } = values
  if (!/^[1-9]\d{3,6}$/.test(count))
    throw new Error('--count: write a number of notifications from 1000 to 9999999')
  if (chosen !== undefined && !(chosen in parts))
    throw new Error(`--only: write one of ${Object.keys(parts).join(', ')}`)
  return { count: wholeBlocks(Number(count)), chosen }
}
