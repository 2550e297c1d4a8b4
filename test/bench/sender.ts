/** A legacy sender in a process of its own, cheap enough that it is the gateway that is measured. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { Issued } from '../../src/credentials/authority.ts'
import { blockMaker, blockSize, notificationEncoder, payloadSentNow } from './notification.ts'
import { pace } from './pace.ts'

interface Target {
  readonly port: number
  readonly authority: Issued
  readonly push: Issued
}

type Task =
  | { readonly first: number; readonly count: number }
  | { readonly perSecond: number; readonly count: number }

process.on('disconnect', () => process.exit())
const [{ port, authority, push }] = (await once(process, 'message')) as [Target]
const block = await blockMaker()
const encode = await notificationEncoder(2)
const socket = connect({
  port,
  host: 'localhost',
  ca: authority.certificatePem,
  cert: push.certificatePem,
  key: push.keyPem,
  maxVersion: 'TLSv1.2',
})
socket.on('data', (bytes: Buffer) => {
  throw new Error(`the gateway answered ${bytes.toString('hex')}`)
})
socket.on('end', () => {
  throw new Error('the gateway closed the connection')
})
await once(socket, 'secureConnect')
socket.setNoDelay(true)
process.on('message', (task: Task) => {
  void perform(task).then(() => process.send?.('written'))
})
process.send?.('connected')

async function perform(task: Task): Promise<void> {
  if ('perSecond' in task)
    await pace(task.perSecond, task.count, (n) => {
      socket.write(encode(n, payloadSentNow(n)))
    })
  else
    for (let n = task.first; n < task.first + task.count; n += blockSize)
      if (!socket.write(block(n))) await once(socket, 'drain')
}
