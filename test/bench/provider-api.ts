/** The built simulator in a process of its own, which keeps nothing of what it receives. */
import { once } from 'node:events'
import type { Issued } from '../../src/credentials/authority.ts'
import { built } from './built.ts'

process.on('disconnect', () => process.exit())
const [tls] = (await once(process, 'message')) as [Issued]
const { systemClock } = await built('clock')
const { startSimulator } = await built('simulator/provider-api')
const { origin } = await startSimulator({ tls }, { clock: systemClock })
process.send?.(origin)
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.((user + system) / 1e6)
})
