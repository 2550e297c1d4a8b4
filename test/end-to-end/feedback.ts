/** From a 410 to the feedback service: one tuple a token, in seconds, read once. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { connect } from 'node:tls'
import t from 'tap'
import { authority } from '../fixtures/identity.ts'
import { pushes, settled } from '../fixtures/ledger.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

const listeners = [
  { kind: 'gateway', host: '127.0.0.1', port: 0 },
  { kind: 'feedback', host: '127.0.0.1', port: 0 },
]

/** All bytes that the service writes; a reader that breaks off resets after the first of them. */
async function read({ feedbackPort, sender }: Stage, breaksOff = false): Promise<Buffer> {
  const connection = createConnection(feedbackPort)
  connection.on('error', () => undefined)
  const socket = connect({
    socket: connection,
    cert: sender.certificatePem,
    key: sender.keyPem,
    ca: authority.certificatePem,
    servername: 'feedback.push.apple.com',
    checkServerIdentity: () => undefined,
  })
  const chunks: Buffer[] = []
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    if (breaksOff) connection.resetAndDestroy()
  })
  await once(connection, 'close')
  return Buffer.concat(chunks)
}

t.test('each dead token is told once; a reader that breaks off finds them again', async (t) => {
  const stage = await setStage(t, {
    file: { listeners, holdUntilProven: false },
    simulator: { answers: [{ tokenPrefix: '123400', reason: 'Unregistered' }] },
  })
  const before = Math.floor(Date.now() / 1000)
  const sent = pushes(1000)
  const socket = await dial(stage)
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await settled(stage, 1000)
  await read(stage, true)
  await stage.log.find('feedback.abandoned')
  const bytes = await read(stage)
  t.equal(bytes.length, 1000 * 38)
  const tokens = sent.map((_, index) => bytes.toString('hex', index * 38 + 6, index * 38 + 38))
  t.same(tokens.sort(), sent.map(({ token }) => token).sort())
  for (const index of sent.keys()) {
    const seconds = bytes.readUInt32BE(index * 38)
    if (seconds < before || seconds > before + 60 || bytes.readUInt16BE(index * 38 + 4) !== 32)
      t.fail(`tuple ${index}: ${seconds}`)
  }
  await stage.log.find('feedback.read')
  t.equal((await read(stage)).length, 0)
  t.same(heard, [])
  socket.destroy()
})

t.test('a token that is delivered to again is no longer told', async (t) => {
  const stage = await setStage(t, {
    file: { listeners },
    simulator: { answers: [{ tokenPrefix: '1234', reason: 'Unregistered', times: 1 }] },
  })
  const [push] = pushes(1)
  if (push === undefined) throw new TypeError('one push')
  const socket = await dial(stage)
  socket.write(enhanced(1, push))
  await settled(stage, 1)
  socket.write(enhanced(2, push))
  await settled(stage, 2)
  t.equal((await read(stage)).length, 0)
  socket.destroy()
})
