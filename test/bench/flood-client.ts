/** A peer that misbehaves: opens many connections, in the way that it is told, and holds them. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Issued } from '../../src/credentials/authority.ts'
import { notificationEncoder, payloadOf } from './notification.ts'

interface Task {
  readonly port: number
  readonly count: number
  readonly kind: 'half' | 'silent' | 'stranger' | 'storm' | 'push'
  readonly authority: Issued
  readonly push: Issued
  readonly server: Issued
}

const encode = await notificationEncoder(2)

/** The beginning of a ClientHello of 512 bytes. */
const halfHello = Buffer.from(`1603010200010001fc0303${'5f'.repeat(60)}`, 'hex')
const atOnce = 16

process.on('disconnect', () => process.exit())
process.on('message', (task: Task) => {
  void run(task).then(() => process.send?.('done'))
})

async function run(task: Task): Promise<void> {
  let left = task.count
  const work = async (): Promise<void> => {
    while (left-- > 0) await (task.kind === 'half' || task.kind === 'silent' ? hold : knock)(task)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** The gateway ends it. */
async function hold({ port, kind }: Task): Promise<void> {
  const socket = quiet(connect(port, '127.0.0.1'))
  await once(socket, 'connect').catch(() => undefined)
  if (kind === 'half') socket.write(halfHello)
}

/** A whole handshake, and one push if that is the kind. The server's certificate belongs to no route. */
async function knock({ port, kind, authority, push, server }: Task): Promise<void> {
  const { certificatePem: cert, keyPem: key } = kind === 'stranger' ? server : push
  const ca = authority.certificatePem
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, cert, key })
  quiet(socket)
  await once(socket, 'secureConnect').catch(() => undefined)
  if (kind === 'push')
    socket.on('error', ({ message }) => {
      console.error(`the push failed: ${message}`)
    })
  socket.end(kind === 'push' ? encode(1, payloadOf(1)) : '')
  if (!socket.closed) await once(socket, 'close').catch(() => undefined)
}

function quiet<Kind extends Socket>(socket: Kind): Kind {
  socket.on('error', () => undefined)
  socket.resume()
  return socket
}
