/** What a logger keeps to itself, and which level says what. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createLog } from '../../src/log/log.ts'
import { logEvents } from '../../src/proxy/log-event.ts'
import { token } from '../fixtures/hex.ts'
import { leaksIn } from '../fixtures/leak.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage } from '../fixtures/stage.ts'

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
  const lines: string[] = []
  const log = createLog('info', { write: (line) => lines.push(line) })
  const write = logEvents(log)
  const record = { sender: 'a', connection: 1, identifier: 2, apnsId: 'b', token }
  write({ event: 'notification.delivered', record })
  t.same(lines, [])
  log.level = 'debug'
  write({ event: 'notification.delivered', record })
  t.match(lines, ['"event":"notification.delivered","connection":1,"identifier":2,"apnsId":"b"'])
  t.end()
})

t.test('there is no other way to a logger', (t) => {
  const source = fileURLToPath(new URL('../../src', import.meta.url))
  const makers = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => /from 'pino'|console\.log/.test(readFileSync(join(source, path), 'utf8')))
  t.same(
    makers.filter((path) => !path.startsWith('handlers/') && path !== 'cli.ts'),
    ['log/log.ts'],
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

const payload = Buffer.from('{"aps":{"alert":"a word that nobody else may read"}}')
const key = readFileSync(new URL('../fixtures/credentials/push.key', import.meta.url))

/** How a secret might get into a log. */
const slips: readonly (readonly [name: string, line: unknown])[] = [
  ['a token', { event: 'x', device: token }],
  ['a token in upper case', { event: 'x', device: `<${token.toUpperCase()}>` }],
  ['the beginning of a token', { event: 'x', device: token.slice(0, 20) }],
  ['a token in base64', { event: 'x', device: Buffer.from(token, 'hex').toString('base64') }],
  ['a token as bytes', { event: 'x', frame: Buffer.from(token, 'hex') }],
  ['a token as the name of a field', { event: 'x', [token]: 1 }],
  ['a payload', { event: 'x', body: payload.toString() }],
  ['a payload in a message', { event: 'x', msg: `cannot send ${payload.toString()}` }],
  ['a payload as bytes', { event: 'x', nested: [{ body: payload }] }],
  ['a line of a key', { event: 'x', err: key.toString().split('\n')[3] }],
  ['a provider token', { event: 'x', header: 'bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiIxIn0.x' }],
]

t.test('the audit that ends npm test finds a secret in every spelling', (t) => {
  const secrets = [Buffer.from(token, 'hex'), payload, key]
  for (const [name, line] of slips)
    t.equal(leaksIn(`{"event":"y"}\n${JSON.stringify(line)}\n`, secrets).length, 1, name)
  t.equal(leaksIn(`not JSON: ${token}`, secrets).length, 1, 'a line that is no JSON')
  t.same(leaksIn(' '.repeat(60), [Buffer.alloc(4096, ' ')]), [], 'blanks give nothing away')
  t.same(leaksIn('{"event":"x","token":"0a1b2c3d","apnsId":"7c1a4e4e-52a4-4f0c"}', secrets), [])
  t.end()
})

t.test('the audit fails when a token has been logged, and passes with its tag', (t) => {
  const audit = fileURLToPath(new URL('../audit/log.ts', import.meta.url))
  const run = (stream: string): { status: number | null; stdout: string } => {
    const directory = t.testdir({ '1.log': stream, '1.secret': `${token}\n` })
    return spawnSync(process.execPath, ['--import', 'tsx', audit, directory], { encoding: 'utf8' })
  }
  const lines = (fields: object): string => {
    let text = ''
    createLog('info', { write: (chunk) => (text += chunk) }).info({ event: 'x', ...fields })
    return text
  }
  t.match(run(lines({ token })), { status: 0, stdout: /^1 lines of log, \d+ secrets, 0 leaks/ })
  t.match(run(lines({ device: token })), { status: 1, stdout: /1 leaks/ })
  t.end()
})
