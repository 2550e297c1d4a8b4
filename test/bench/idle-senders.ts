/** Many senders in one process: each connects, sends one notification, and then keeps its connection. */
import { once } from 'node:events'
import { createSecureContext, connect } from 'node:tls'
import type { Issued } from '../../src/credentials/authority.ts'
import { notificationEncoder, payloadOf } from './notification.ts'

interface Task {
  readonly port: number
  /** The number of the first sender. */
  readonly first: number
  readonly count: number
  /** Handshakes under way at a time. */
  readonly atOnce: number
  readonly authority: Issued
  readonly push: Issued
}

process.on('disconnect', () => process.exit())
const encode = await notificationEncoder(2)
const [task] = (await once(process, 'message')) as [Task]
await connectAll(task)
process.send?.('connected')

async function connectAll({ port, first, count, atOnce, authority, push }: Task): Promise<void> {
  const secureContext = createSecureContext({
    ca: authority.certificatePem,
    cert: push.certificatePem,
    key: push.keyPem,
  })
  let next = first
  const work = async (): Promise<void> => {
    for (let n = next++; n < first + count; n = next++) {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', secureContext })
      await once(socket, 'secureConnect')
      socket.on('close', () => {
        throw new Error('the gateway closed a connection')
      })
      socket.resume()
      socket.write(encode(n, payloadOf(n)))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
