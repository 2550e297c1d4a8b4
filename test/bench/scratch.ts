import { Gateway } from './gateway.ts'
import { wholeBlocks } from './notification.ts'
import { prepareSetting } from './setting.ts'
import { startUpstream } from './upstream.ts'
const setting = await prepareSetting()
const upstream = await startUpstream(setting)
const count = wholeBlocks(400000)
const gateway = await Gateway.start(setting, upstream, { journal: true })
const warmUp = wholeBlocks(count * 0.25)
await gateway.blast(0, warmUp)
const before = await gateway.untilDelivered(warmUp, () => undefined)
const written = gateway.blast(warmUp, count)
const after = await gateway.untilDelivered(warmUp + count, () => undefined)
await written
await gateway.stop()
await upstream.stop()
console.log(((after.cpuSeconds - before.cpuSeconds) / count * 1e6).toFixed(2), 'µs')
process.exit()
