/** What senders write wrong, byte by byte, and what strangers bring to the port. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { until, untilIs } from '../fixtures/condition.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { bytesOf, RawSender } from '../fixtures/raw-sender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

const first = '11'.repeat(32)
const second = '22'.repeat(32)
const third = '33'.repeat(32)
const bad = 'bad0'.repeat(16)

/** `{"aps":{"badge":1}}`, 19 bytes. */
const payload = '7b22617073223a7b226261646765223a317d7d'

/** Token and payload as commands 0 and 1 have them. */
const pair = (token: string): string => `0020 ${token} 0013 ${payload}`
const simple = (token: string): string => `00 ${pair(token)}`
const enhanced = (identifier: string, token: string): string =>
  `01 ${identifier} 7fffffff ${pair(token)}`
/** Items 1, 2 and 3: 35 + 22 + 7 bytes. */
const framed = (identifier: string, token: string): string =>
  `02 00000040 01 0020 ${token} 02 0013 ${payload} 03 0004 ${identifier}`

function delivered({ received }: Stage): string[] {
  return received.filter(({ status }) => status === 200).map(({ token }) => token)
}

const simulator = { answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }] }

/** A connection on a stage of its own. */
async function begin(
  t: Test,
  options: Parameters<typeof setStage>[1] = {},
): Promise<{ stage: Stage; sender: RawSender }> {
  const stage = await setStage(t, { simulator, ...options })
  return { stage, sender: await RawSender.open(t, stage) }
}

/** A sample of the proxy's own counters. */
async function metric({ adminPort }: Stage, sample: string): Promise<string | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  return text
    .split('\n')
    .find((line) => line.startsWith(`apns_legacy_proxy_${sample} `))
    ?.split(' ')[1]
}

const settled = (outcome: string): string =>
  `notifications_settled_total{route="app",outcome="${outcome}"}`

t.test('an unknown command closes without a packet, once all before it is settled', async (t) => {
  const { stage, sender } = await begin(t, {
    simulator: { latencyMs: { min: 200, max: 200 } },
    file: { errorDeadlineMs: 10_000 },
  })
  sender.write(enhanced('00000001', first) + simple(second) + '07' + enhanced('00000002', third))
  await sender.saw('end')
  t.equal(await metric(stage, settled('delivered')), '2')
  t.strictSame(sender.events, ['end'])
  t.strictSame(delivered(stage), [first, second])
  t.match(await stage.log.find('connection.unreadable'), { code: 'unknown-command' })
  sender.end()
  t.match(await stage.log.find('connection.closed'), { received: 2, reported: false })
})

t.test('a frame that is cut off by the end of the stream costs only itself', async (t) => {
  const { stage, sender } = await begin(t)
  sender.end(framed('00000001', first) + framed('00000002', second).slice(0, 60))
  await sender.saw('close')
  t.strictSame(sender.events, ['end', 'close'])
  await untilIs(() => delivered(stage).length, 1)
  t.strictSame(delivered(stage), [first])
  t.match(await stage.log.find('connection.unreadable'), { code: 'truncated' })
})

t.test('a frame of 4 GiB is refused from its header, and what follows is dropped', async (t) => {
  const { stage, sender } = await begin(t)
  sender.write(simple(first) + '02 ffffffff')
  await sender.saw('end')
  t.strictSame(sender.events, ['end'])
  t.match(await stage.log.find('connection.unreadable'), { code: 'impossible-frame-length' })
  const mebibyte = Buffer.alloc(2 ** 20, 0x01)
  for (let count = 0; count < 16; count++)
    if (!sender.socket.write(mebibyte)) await once(sender.socket, 'drain')
  sender.end()
  t.match(await stage.log.find('connection.closed'), { received: 1, reported: false })
  await untilIs(() => delivered(stage).length, 1)
})

/** Bytes that are refused, with IDENT for the identifier, and the status that says so. */
const refusals: readonly (readonly [name: string, hex: string, status: string])[] = [
  [
    'two token items',
    `02 00000063 01 0020 ${first} 01 0020 ${first} 02 0013 ${payload} 03 0004 IDENT`,
    '80',
  ],
  [
    'two payload items',
    `02 00000056 01 0020 ${first} 02 0013 ${payload} 02 0013 ${payload} 03 0004 IDENT`,
    '80',
  ],
  [
    'two identifiers: the first counts',
    `02 00000047 01 0020 ${first} 02 0013 ${payload} 03 0004 IDENT 03 0004 00000008`,
    '80',
  ],
  [
    'an item that reaches beyond its frame',
    `02 00000040 03 0004 IDENT 01 0020 ${first} 02 0014 ${payload}`,
    '80',
  ],
  ['an expiration of 2 bytes', `02 00000045 ${items('04 0002 0000')}`, '80'],
  ['a priority of 4 bytes', `02 00000047 ${items('05 0004 0000000a')}`, '80'],
  ['a token of no bytes', `01 IDENT 00000000 0000 0013 ${payload}`, '02'],
  ['a frame without token', `02 0000001d 02 0013 ${payload} 03 0004 IDENT`, '02'],
  ['a payload of no bytes', `01 IDENT 00000000 0020 ${first} 0000`, '04'],
  ['a frame without payload', `02 0000002a 01 0020 ${first} 03 0004 IDENT`, '04'],
  [
    'a frame whose payload item is empty',
    `02 0000002d 01 0020 ${first} 02 0000 03 0004 IDENT`,
    '04',
  ],
  ['a token of 1 byte', `02 00000021 01 0001 ff 02 0013 ${payload} 03 0004 IDENT`, '05'],
  ['a token of 101 bytes', `01 IDENT 00000000 0065 ${'ab'.repeat(101)} 0013 ${payload}`, '05'],
  [
    'a payload of 5,000 bytes, command 1',
    `01 IDENT 00000000 0020 ${first} 1388 ${'20'.repeat(5000)}`,
    '07',
  ],
  [
    'a payload of 5,000 bytes behind its identifier, command 2',
    `02 000013b5 03 0004 IDENT 01 0020 ${first} 02 1388 ${'20'.repeat(5000)}`,
    '07',
  ],
  [
    'a payload of 5,000 bytes before its identifier, command 2',
    `02 000013b5 01 0020 ${first} 02 1388 ${'20'.repeat(5000)} 03 0004 IDENT`,
    '07',
  ],
  ['a payload that is not JSON', `01 IDENT 00000000 0020 ${first} 0005 68656c6c6f`, '04'],
  ['a payload that is a JSON list', `01 IDENT 00000000 0020 ${first} 0002 5b5d`, '04'],
]

function items(last: string): string {
  return `01 0020 ${first} 02 0013 ${payload} 03 0004 IDENT ${last}`
}

t.test('what is refused is answered with exactly 6 bytes and an end', async (t) => {
  const stage = await setStage(t)
  for (const [index, [name, hex, status]] of refusals.entries())
    await t.test(`${name}: status 0x${status}`, async (t) => {
      const identifier = `a1b2c3${String(index + 10)}`
      const sender = await RawSender.open(t, stage)
      sender.write(hex.replaceAll('IDENT', identifier))
      await sender.saw('end')
      sender.end()
      await sender.saw('close')
      t.strictSame(sender.events, [`data 08${status}${identifier}`, 'end', 'close'])
    })
  t.strictSame(delivered(stage), [])
})

t.test('a payload that is too long is refused before its bytes come, command 1', async (t) => {
  const { sender } = await begin(t)
  sender.write(`01 00000007 00000000 0020 ${first} 1388`)
  await sender.saw('end')
  t.strictSame(sender.events, ['data 080700000007', 'end'])
})

t.test('the empty token with which pushy flushes is answered last', async (t) => {
  const { stage, sender } = await begin(t, {
    simulator: { latencyMs: { min: 200, max: 200 } },
    file: { errorDeadlineMs: 10_000 },
  })
  sender.write(enhanced('00000001', first) + enhanced('00000002', second))
  sender.write('02 0000000d 01 0000 02 0000 03 0004 00000003')
  await sender.saw('end')
  t.equal(await metric(stage, settled('delivered')), '2')
  t.strictSame(sender.events, ['data 080200000003', 'end'])
})

t.test('a rejection before the flush is told in its place', async (t) => {
  const { sender } = await begin(t, {
    simulator: { ...simulator, latencyMs: { min: 200, max: 200 } },
    file: { errorDeadlineMs: 10_000 },
  })
  sender.write(enhanced('00000001', bad) + '02 0000000d 01 0000 02 0000 03 0004 00000003')
  await sender.saw('end')
  t.strictSame(sender.events, ['data 080800000001', 'end'])
})

t.test('command 0 is rejected without a packet, and the connection goes on', async (t) => {
  const { stage, sender } = await begin(t)
  sender.write(`00 0000 0013 ${payload}` + simple(bad) + `00 0020 ${first} 1388`)
  sender.write('20'.repeat(5000) + simple(first))
  await untilIs(() => delivered(stage).length, 1)
  sender.write(simple(second))
  await untilIs(() => delivered(stage).length, 2)
  t.strictSame(sender.events, [])
  t.equal(await metric(stage, settled('untold')), '3')
  sender.end()
  await sender.saw('close')
  t.strictSame(sender.events, ['end', 'close'])
})

t.test('only the first rejection is told, everything behind it is delivered', async (t) => {
  const { stage, sender } = await begin(t)
  sender.write(enhanced('00000001', first) + framed('00000002', bad) + framed('00000003', second))
  sender.write(enhanced('00000004', bad) + `02 0000000d 01 0000 02 0000 03 0004 00000005`)
  await sender.saw('end')
  sender.write(enhanced('00000006', third))
  await untilIs(() => delivered(stage).length, 3)
  sender.end()
  await sender.saw('close')
  t.strictSame(sender.events, ['data 080800000002', 'end', 'close'])
  t.strictSame(delivered(stage).sort(), [first, second, third])
  t.equal(stage.log.count('error-response.sent'), 1)
})

t.test('a sender that has finished is served to the end', async (t) => {
  const { stage, sender } = await begin(t, {
    simulator: { latencyMs: { min: 200, max: 200 } },
  })
  sender.end(framed('00000001', first) + framed('00000002', second))
  await sender.saw('end')
  t.equal(await metric(stage, settled('delivered')), '2')
  await sender.saw('close')
  t.strictSame(sender.events, ['end', 'close'])
})

t.test('a sender that resets loses nothing of what had arrived', async (t) => {
  const stage = await setStage(t, { simulator: { latencyMs: { min: 200, max: 200 } } })
  const transport = connect(stage.port, '127.0.0.1')
  const sender = await RawSender.open(t, stage, { socket: transport })
  sender.write(framed('00000001', first) + framed('00000002', second))
  await untilIs(() => stage.received.length, 2)
  transport.resetAndDestroy()
  t.match(await stage.log.find('connection.closed'), { received: 2 })
  while ((await metric(stage, settled('delivered'))) !== '2') await sender.saw('close')
  t.equal(stage.log.count('bug'), 0)
})

t.test('the garbage of one sender does not hurt another', async (t) => {
  const { stage, sender } = await begin(t)
  const other = await RawSender.open(t, stage)
  sender.write(framed('00000001', first))
  other.write('ff'.repeat(5000))
  await other.saw('end')
  t.strictSame(other.events, ['end'])
  sender.write(framed('00000002', second) + framed('00000003', bad))
  await sender.saw('end')
  t.strictSame(sender.events, ['data 080800000003', 'end'])
  t.strictSame(delivered(stage), [first, second])
})

/** A peer that knows nothing of TLS writes, and waits until it is cut off. */
async function knock(t: Test, { port }: Stage, bytes: Buffer): Promise<Buffer> {
  const socket: Socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const answer: Buffer[] = []
  socket.on('data', (chunk: Buffer) => answer.push(chunk))
  socket.on('error', () => undefined)
  socket.write(bytes)
  await until(() => socket.closed)
  return Buffer.concat(answer)
}

/** What is not TLS, and what the log says to it. */
const strangers: readonly (readonly [name: string, bytes: Buffer, cause: string, hint: RegExp])[] =
  [
    [
      'plain HTTP',
      Buffer.from('GET / HTTP/1.1\r\nHost: push\r\n\r\n'),
      'plain-http',
      /this is plain HTTP/,
    ],
    [
      'the binary protocol without TLS',
      bytesOf(simple(first)),
      'not-tls',
      /these bytes are not TLS/,
    ],
    [
      'random bytes',
      Buffer.from('9f3c51e07a2288d416b5'.repeat(20), 'hex'),
      'not-tls',
      /these bytes are not TLS/,
    ],
  ]

for (const [name, bytes, cause, hint] of strangers)
  t.test(`${name} on the port is logged and harms nobody`, async (t) => {
    const { stage, sender } = await begin(t)
    sender.write(framed('00000001', first))
    await knock(t, stage, bytes)
    const line = await stage.log.find('handshake.failed')
    t.match(line, { address: '127.0.0.1', cause })
    t.match(String(line['msg']), hint)
    sender.write(framed('00000002', second))
    await untilIs(() => delivered(stage).length, 2)
    t.strictSame(sender.events, [])
  })

t.test('a hello in the manner of SSL 2 is survived', async (t) => {
  const { stage, sender } = await begin(t)
  // Length 46, client hello, TLS 1.2; 7 ciphers, no session, a challenge of 16 bytes.
  const ciphers = '00002f 000035 00000a 00c02f 00c030 00009c 00009d'
  const hello = bytesOf(`802e 01 0303 0015 0000 0010 ${ciphers} ${'a5'.repeat(16)}`)
  const socket = connect(stage.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.write(hello)
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
  socket.end()
  sender.write(framed('00000001', first))
  await untilIs(() => delivered(stage).length, 1)
  t.strictSame(sender.events, [])
})

t.test('a peer without a certificate is closed, and the log says what is missing', async (t) => {
  const stage = await setStage(t)
  const peer = await RawSender.open(t, stage, { cert: undefined, key: undefined })
  peer.write(framed('00000001', first))
  await peer.saw('end')
  t.strictSame(peer.events, ['end'])
  t.match(await stage.log.find('sender.refused'), {
    address: '127.0.0.1',
    refusal: 'no-certificate',
    cure: /must present its push certificate/,
  })
  t.strictSame(stage.received, [])
})

t.test('a stranger is closed, and the line in the log would admit it', async (t) => {
  const stage = await setStage(t)
  const stranger = await pushCertificate('com.example.stranger')
  const { cert, key } = { cert: stranger.certificatePem, key: stranger.keyPem }
  const refused = await RawSender.open(t, stage, { cert, key })
  refused.write(framed('00000001', first))
  await refused.saw('end')
  t.strictSame(refused.events, ['end'])
  t.strictSame(stage.received, [])
  const line = await stage.log.find('sender.refused')
  t.match(line, {
    refusal: 'unknown-certificate',
    subject: /UID=com\.example\.stranger/,
    fingerprint256: /^[\da-f]{64}$/,
  })

  const [digest] = /sha256:[0-9a-f]{64}/.exec(String(line['cure'])) ?? []
  const next = await setStage(t, { route: { senderCertificates: ['push.pem', digest] } })
  const admitted = await RawSender.open(t, next, { cert, key })
  admitted.write(framed('00000001', first))
  await untilIs(() => delivered(next).length, 1)
})

/** The first bytes of a TLS client. */
async function clientHello(): Promise<Buffer> {
  const receiver = createServer().listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  const client = connectTls({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2' })
  client.on('error', () => undefined)
  const [socket] = (await once(receiver, 'connection')) as [Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  receiver.close()
  return hello
}

t.test('a peer that resets its handshake is logged with its address', async (t) => {
  const stage = await setStage(t)
  const peers = Array.from({ length: 3 }, () => connect(stage.port, '127.0.0.1'))
  const hello = await clientHello()
  for (const peer of peers) {
    peer.on('error', () => undefined)
    peer.write(hello)
  }
  await Promise.all(peers.map((peer) => once(peer, 'data')))
  for (const peer of peers) peer.resetAndDestroy()
  await untilIs(() => stage.log.count('handshake.failed'), 3)
  for (const line of stage.log.lines.filter(({ event }) => event === 'handshake.failed'))
    t.match(line, { address: '127.0.0.1', cause: 'reset', offered: 'TLSv1.2' })
})

t.test('a client that insists on TLS 1.3 is refused, and the log says why', async (t) => {
  const stage = await setStage(t)
  const client = RawSender.begin(t, stage, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' })
  await client.saw('close')
  t.strictSame(client.events, ['error ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'close'])
  t.match(await stage.log.find('handshake.failed'), { offered: 'TLSv1.2', msg: /speak TLS 1\.2/ })
})

const tls10 = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1',
  ciphers: 'DEFAULT:@SECLEVEL=0',
} as const

t.test('TLS 1.0 is refused, and the log names the key that admits it', async (t) => {
  const stage = await setStage(t)
  const client = RawSender.begin(t, stage, tls10)
  await client.saw('close')
  t.match(client.events, [/^error /, 'close'])
  t.match(await stage.log.find('handshake.failed'), {
    offered: 'TLSv1',
    msg: /minVersion: TLSv1 on its listener/,
  })
})

t.test('TLS 1.0 is admitted by a listener with minVersion: TLSv1', async (t) => {
  const listener = { kind: 'gateway', host: '127.0.0.1', port: 0, minVersion: 'TLSv1' }
  const stage = await setStage(t, { file: { listeners: [listener] } })
  const sender = await RawSender.open(t, stage, tls10)
  t.equal(sender.socket.getProtocol(), 'TLSv1')
  sender.write(framed('00000001', first) + `01 00000007 00000000 0020 ${first} 0000`)
  await sender.saw('end')
  t.strictSame(sender.events, ['data 080400000007', 'end'])
  t.strictSame(delivered(stage), [first])
})

t.test('a peer that says nothing is cut off, too', async (t) => {
  const stage = await setStage(t, { file: { handshakeTimeoutMs: 100 } })
  t.equal((await knock(t, stage, Buffer.alloc(0))).length, 0)
  t.equal(stage.log.count('handshake.failed'), 0, 'it may be a health check')
  const metrics = await (await fetch(`http://127.0.0.1:${stage.adminPort}/metrics`)).text()
  t.match(metrics, /handshake_failures_total\{[^}]*cause="timeout"[^}]*\} 0\n/)
})

t.test(
  'a hundred strangers are ten lines in the log, one sum, and a hundred in the metrics',
  async (t) => {
    const stage = await setStage(t)
    for (let stranger = 0; stranger < 100; stranger++)
      await knock(t, stage, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    t.equal(stage.log.count('handshake.failed'), 10)
    const metrics = await (await fetch(`http://127.0.0.1:${stage.adminPort}/metrics`)).text()
    t.match(metrics, /cause="plain-http"[^\n]* 100\n/)
    await stage.proxy.stop()
    t.match(await stage.log.find('events.repeated'), {
      of: 'handshake.failed',
      cause: 'plain-http',
      address: '127.0.0.1',
      count: 90,
    })
  },
)

t.test('a peer that leaves in the middle of its hello has failed', async (t) => {
  const stage = await setStage(t)
  const socket = connect(stage.port, '127.0.0.1')
  socket.end(bytesOf('16 0301 0200'))
  t.match(await stage.log.find('handshake.failed'), { cause: 'reset' })
})

t.test('a hello that arrives byte by byte is a hello', async (t) => {
  const stage = await setStage(t)
  const { port } = stage
  const socket = connect(port, '127.0.0.1')
  const slow = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      for (const byte of chunk) socket.write(Buffer.of(byte))
      done()
    },
    final(done) {
      socket.end(done)
    },
  })
  socket.on('data', (chunk) => slow.push(chunk))
  socket.on('close', () => slow.push(null))
  socket.on('error', () => undefined)
  const sender = await RawSender.open(t, stage, { socket: slow })
  sender.write(framed('00000001', first))
  await untilIs(() => delivered(stage).length, 1)
  socket.destroy()
})

t.test('a peer that does not finish its handshake is cut off', async (t) => {
  const stage = await setStage(t, { file: { handshakeTimeoutMs: 100 } })
  t.equal((await knock(t, stage, bytesOf('16 0301 0200'))).length, 0)
  t.match(await stage.log.find('handshake.failed'), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' })
})

t.test('a peer that is refused and does not leave makes room for others', async (t) => {
  const stage = await setStage(t, { file: { handshakeTimeoutMs: 100, maxConnections: 1 } })
  const peer = await RawSender.open(t, stage, { cert: undefined, key: undefined })
  await peer.saw('end')
  for (let served = false; !served;) {
    const sender = RawSender.begin(t, stage)
    await until(() => sender.socket.authorized || sender.socket.closed)
    served = sender.socket.authorized
  }
  t.strictSame(peer.events, ['end'])
  t.ok(stage.log.count('connection.dropped') >= 1)
})

t.test('a peer in its handshake does not hold up a stop', async (t) => {
  const stage = await setStage(t)
  const peer = connect(stage.port, '127.0.0.1')
  peer.on('error', () => undefined)
  await once(peer, 'connect')
  peer.write(bytesOf('16 0301 0200'))
  t.equal(await stage.proxy.stop(), true)
  await until(() => peer.closed)
})
