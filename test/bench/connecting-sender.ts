/** Connects, writes one push and closes, as often as it is told; keeps no TLS session. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { Issued } from '../../src/credentials/authority.ts'
import { notificationEncoder, payloadOf } from './notification.ts'

interface Task {
  readonly port: number
  readonly count: number
  readonly atOnce: number
  readonly authority: Issued
  readonly push: Issued
}

process.on('disconnect', () => process.exit())
const encode = await notificationEncoder(2)
process.on('message', (task: Task) => {
  void run(task).then(() => process.send?.('done'))
})

async function run({ port, count, atOnce, authority, push }: Task): Promise<void> {
  let left = count
  const work = async (): Promise<void> => {
    while (left > 0) {
      const number = left--
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: authority.certificatePem,
        cert: push.certificatePem,
        key: push.keyPem,
      })
      socket.resume()
      await once(socket, 'secureConnect')
      socket.end(encode(number, payloadOf(number)))
      await once(socket, 'close')
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
