/** What a logger keeps to itself, and which level says what. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createLog } from '../src/log.ts'
import { observeRelay } from '../src/log-observer.ts'
import { token } from './fixtures/hex.ts'
import { RawSender } from './fixtures/raw-sender.ts'
import { setStage } from './fixtures/stage.ts'

/** What comes of one line. */
function written(line: Record<string, unknown>): Record<string, unknown> {
  let text = ''
  createLog('info', { write: (chunk) => (text += chunk) }).info(line)
  return JSON.parse(text) as Record<string, unknown>
}

t.test('a token is told by its tag, whoever logs it', (t) => {
  const { token: tag } = written({ event: 'x', token })
  t.match(tag, /^[0-9a-f]{8}$/)
  t.equal(written({ event: 'x', token })['token'], tag, 'the same each time')
  t.not(written({ event: 'x', token: token.replace('1', '2') })['token'], tag)
  t.notOk('token' in written({ event: 'x', token: undefined }))
  t.end()
})

t.test('what has the name of a secret is left out, at the top and one below', (t) => {
  const credential = { keyPem: 'k', passphrase: 'p', certificatePem: 'c' }
  t.match(written({ event: 'x', payload: '{}', authorization: 'bearer', credential }), {
    payload: '[secret]',
    authorization: '[secret]',
    credential: { keyPem: '[secret]', passphrase: '[secret]', certificatePem: 'c' },
  })
  t.end()
})

t.test('an error is its stack, without what hangs on it', (t) => {
  const err = Object.assign(new Error('broken'), { input: Buffer.from('secret') })
  t.equal(written({ event: 'bug', err })['err'], err.stack)
  t.equal(written({ event: 'bug', err: 'a reason' })['err'], 'a reason')
  t.end()
})

t.test('the level of a route decides at once whether its notifications are traced', (t) => {
  t.equal(observeRelay(createLog('info', { write: () => undefined })).trace, undefined)
  t.ok(observeRelay(createLog('debug', { write: () => undefined })).trace)
  t.end()
})

t.test('there is no other way to a logger', (t) => {
  const source = fileURLToPath(new URL('../src', import.meta.url))
  const makers = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => /from 'pino'|console\.log/.test(readFileSync(join(source, path), 'utf8')))
  t.same(
    makers.filter((path) => !path.startsWith('commands/')),
    ['log.ts'],
  )
  t.end()
})

t.test('a notification can be followed from its connection to its end', async (t) => {
  const stage = await setStage(t, {
    file: { log: { level: 'debug' } },
    simulator: { answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }] },
  })
  const sender = await RawSender.open(t, stage)
  sender.end(`
    01 00000005 00000000 0020 ${token} 0002 7b7d
    01 00000006 00000000 0020 bad0${token.slice(4)} 0002 7b7d
  `)
  await stage.log.find('connection.closed')
  const { connection } = await stage.log.find('connection.opened')
  const { apnsId } = stage.received.find((received) => received.token === token) ?? {}
  const life = stage.log.lines.filter((line) => line['apnsId'] === apnsId)
  t.match(life, [
    { level: 'debug', event: 'notification.accepted', route: 'app', connection, identifier: 5 },
    { level: 'debug', event: 'notification.delivered', route: 'app', connection, identifier: 5 },
  ])
  t.match(await stage.log.find('notification.rejected'), { connection, identifier: 6 })
  t.notMatch(JSON.stringify(stage.log.lines), token)
})
