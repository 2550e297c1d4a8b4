/** The built simulator in a process of its own, which keeps nothing of what it receives. */
import { once } from 'node:events'
import { systemClock } from '../../dist/clock.js'
import { startSimulator } from '../../dist/simulator/provider-api.js'

process.on('disconnect', () => process.exit())
const [tls] = await once(process, 'message')
const { origin } = await startSimulator({ tls }, { clock: systemClock })
process.send(origin)
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send((user + system) / 1e6)
})
