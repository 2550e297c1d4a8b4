/** The built simulator in a process of its own, which keeps nothing but how long each was on its way. */
import { once } from 'node:events'
import type { Issued } from '../../src/credentials/authority.ts'
import { built } from './built.ts'
import { nowMicroseconds, sentAt } from './notification.ts'

interface Task {
  readonly tls: Issued
  readonly streams: number
}

process.on('disconnect', () => process.exit())
const [{ tls, streams }] = (await once(process, 'message')) as [Task]
const { systemClock } = await built('timing/clock')
const { startSimulator } = await built('simulator/provider-api')
let lags: number[] = []
const { port } = await startSimulator(
  {
    tls,
    maxConcurrentStreams: streams,
    onNotification: ({ payload, status }) => {
      if (status !== 200) throw new Error(`status ${status}`)
      const sent = sentAt(payload)
      if (sent > 0) lags.push(nowMicroseconds() - sent)
    },
  },
  { clock: systemClock },
)
process.send?.(port)
process.on('message', () => {
  process.send?.(lags)
  lags = []
})
