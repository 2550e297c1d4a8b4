/** Both kinds of credential, and what each notification becomes on its way. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until, untilAtLeast } from '../fixtures/condition.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { settled } from '../fixtures/ledger.ts'
import { dial, enhanced, simple } from '../fixtures/resender.ts'
import { setStage } from '../fixtures/stage.ts'

const token = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
const alert = '{"aps":{"alert":"hello"}}'
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

t.test('a certificate route sends with its certificate and every header', async (t) => {
  const stage = await setStage(t, { topic: 'com.example.shop' })
  const socket = await dial(stage)
  socket.end(enhanced(7, { token, payload: alert }))
  await settled(stage, 1)
  const [received] = stage.received
  t.match(received, {
    token,
    topic: 'com.example.shop',
    pushType: 'alert',
    priority: '10',
    expiration: '2147483647',
    apnsId: uuid,
    credential: 'certificate',
    status: 200,
  })
  t.equal(received?.payload.toString(), alert)
})

t.test('a token route sends with a provider token that its key has signed', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const p8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const stage = await setStage(t, {
    simulator: {
      signingKeys: [{ keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ', publicKey }],
    },
    prepare: (directory) => {
      writeFileSync(join(directory, 'key.p8'), p8)
    },
    route: {
      certificate: undefined,
      senderCertificates: ['push.pem'],
      signingKey: 'key.p8',
      keyId: 'ABC123DEFG',
      teamId: 'DEF123GHIJ',
      topic: 'com.example.token',
    },
  })
  const socket = await dial(stage)
  const count = 30
  for (let index = 0; index < count; index++)
    socket.write(enhanced(index, { token, payload: alert }))
  socket.end()
  await settled(stage, count)
  t.match(stage.received[0], { topic: 'com.example.token', credential: 'provider-token' })
  t.equal(stage.received.filter(({ status }) => status === 200).length, count)
})

t.test(
  'an MDM payload arrives byte for byte, as mdm, under the UID of the certificate',
  async (t) => {
    const beganAtMs = Date.now()
    const topic = 'com.apple.mgmt.External.0f4c2b1a-7f4e-4c55-9a53-1f0b7f8f3c01'
    const stage = await setStage(t, { topic })
    const payload = '{"mdm":"5A8E-PUSH-MAGIC"}'
    const socket = await dial(stage)
    socket.end(simple({ token, payload }))
    await settled(stage, 1)
    const [received] = stage.received
    t.match(received, { topic, pushType: 'mdm', priority: '10', status: 200 })
    const weekMs = 7 * 86_400_000
    const expiresAtMs = Number(received?.expiration) * 1000
    t.ok(expiresAtMs >= beganAtMs + weekMs, 'a device that sleeps has a week to wake up')
    t.ok(expiresAtMs <= Date.now() + weekMs + 1000)
    t.equal(received?.payload.toString(), payload)
  },
)

t.test('a frame without expiration is not stored, a silent one has priority 5', async (t) => {
  const stage = await setStage(t)
  const payload = '{"aps":{"content-available":1}}'
  const items = `010020${token}02001f${Buffer.from(payload).toString('hex')}`
  const socket = await dial(stage)
  socket.end(Buffer.from(`0200000045${items}`, 'hex'))
  await settled(stage, 1)
  t.match(stage.received[0], { pushType: 'background', priority: '5', expiration: '0' })
})

t.test('a payload in UTF-16 arrives as UTF-8', async (t) => {
  const stage = await setStage(t)
  // {"aps":{"alert":"é"}} in 42 bytes, low byte first, as node-apn writes utf16le.
  const payload =
    '7b00220061007000730022003a007b00220061006c006500720074002200' + '3a002200e90022007d007d00'
  const socket = await dial(stage)
  socket.end(Buffer.from(`000020${token}002a${payload}`, 'hex'))
  await settled(stage, 1)
  t.match(stage.received[0], { pushType: 'alert', status: 200 })
  t.equal(stage.received[0]?.payload.toString(), '{"aps":{"alert":"é"}}')
})

t.test('a push type that APNs does not like is left out, and the push delivered', async (t) => {
  const stage = await setStage(t, {
    simulator: { answers: [{ tokenPrefix: '00', reason: 'InvalidPushType', times: 1 }] },
  })
  const socket = await dial(stage)
  socket.end(enhanced(1, { token, payload: alert }))
  await settled(stage, 1)
  t.same(
    stage.received.map(({ pushType, status }) => [pushType, status]),
    [
      ['alert', 400],
      [undefined, 200],
    ],
  )
  t.equal(stage.received[0]?.apnsId, stage.received[1]?.apnsId)
})

t.test('unregistered: error tells at once what the feedback service would tell', async (t) => {
  const stage = await setStage(t, {
    route: { unregistered: 'error' },
    simulator: { answers: [{ tokenPrefix: '00', reason: 'Unregistered' }] },
  })
  const socket = await dial(stage)
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.write(enhanced(7, { token, payload: alert }))
  await untilAtLeast(() => heard.length, 1)
  t.equal(Buffer.concat(heard).toString('hex'), '080800000007')
})

t.test('a token that is gone is no error, unless the route says so', async (t) => {
  const gone = { tokenPrefix: '00', reason: 'Unregistered' }
  const stage = await setStage(t, { simulator: { answers: [gone] } })
  const socket = await dial(stage)
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.write(enhanced(7, { token, payload: alert }))
  await settled(stage, 1)
  socket.end(enhanced(8, { token: `11${token.slice(2)}`, payload: alert }))
  await until(() => socket.closed)
  t.same(heard, [])
  t.same(
    stage.received.map(({ status }) => status),
    [410, 200],
  )
})

t.test('a sender listed by the digest of its key is admitted', async (t) => {
  const other = await pushCertificate('com.example.other')
  const stage = await setStage(t)
  const socket = await dial({ port: stage.port, sender: other })
  socket.resume()
  const line = await stage.log.find('sender.refused')
  const digest = /sha256:[0-9a-f]{64}/.exec(String(line['cure']))?.[0]
  const wider = await setStage(t, { route: { senderCertificates: [digest] } })
  const admitted = await dial({ port: wider.port, sender: other })
  admitted.end(enhanced(1, { token, payload: alert }))
  await settled(wider, 1)
  t.equal(wider.received.length, 1)
})
