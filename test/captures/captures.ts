/** What real senders wrote is understood, however it is cut, and arrives where it is meant for. */
import { deepStrictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { Received } from '../../src/binary/decoder.ts'
import type { Command } from '../../src/binary/notification.ts'
import { parseCapture } from '../../src/capture/capture.ts'
import { bytewise, cutAt, places, transcribe } from '../fixtures/decoder-property.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

const folder = new URL('../../captures/', import.meta.url)

/** The records of a file, all of them its sender's, on one connection. */
function recordsOf(file: string): readonly Buffer[] {
  const { connections } = parseCapture(readFileSync(new URL(file, folder), 'utf8'))
  const records = connections.flatMap(({ records }) => records)
  t.equal(connections.length, 1)
  t.ok(records.every(({ from }) => from === 'sender'))
  return records.map(({ bytes }) => bytes)
}

/** The n-th of three pushes, all alike but for their number and their token. */
interface Expectation {
  readonly command: Command
  readonly identifiers: readonly (number | undefined)[]
  readonly payload: (n: number) => string
  /** UNIX seconds of the n-th. */
  readonly expiration?: (n: number) => number | undefined
  readonly priority?: (n: number) => number | undefined
  /** What arrives at the provider API as `apns-expiration` and `apns-priority`. */
  readonly headers: (n: number) => readonly [expiration: string | undefined, priority: string]
}

const unnumbered = [undefined, undefined, undefined]

/** 15 January 2027, 8:00 UTC: what most of the programs were asked for. */
const agreed = 1_800_000_000

const badgeFirst = (n: number): string => `{"aps":{"badge":${n},"alert":"hello ${n}"}}`
const alertFirst = (n: number): string => `{"aps":{"alert":"hello ${n}","badge":${n}}}`

const expectations: Readonly<Record<string, Expectation>> = {
  'java-notnoop-1.0.0.capture': {
    command: 1,
    identifiers: [1, 2, 3],
    payload: badgeFirst,
    expiration: () => agreed,
    headers: () => ['1800000000', '10'],
  },
  'java-pushy-0.4.3.capture': {
    command: 2,
    identifiers: [1, 2, 3],
    payload: alertFirst,
    expiration: () => agreed,
    priority: () => 10,
    headers: () => ['1800000000', '10'],
  },
  'npm-node-apn-1.7.8.capture': {
    command: 2,
    identifiers: [0, 1, 2],
    payload: badgeFirst,
    expiration: (n) => (n === 3 ? agreed : undefined),
    priority: (n) => (n === 3 ? 5 : undefined),
    headers: (n) => (n === 3 ? ['1800000000', '5'] : ['0', '10']),
  },
  'npm-node_apns-0.0.5.capture': {
    command: 1,
    identifiers: [0, 1, 2],
    payload: (n) => `{"aps":{"alert":"hello ${n}","sound":"default","badge":${n}}}`,
    expiration: () => 0,
    headers: () => ['0', '10'],
  },
  'php-apnsphp.capture': {
    command: 1,
    identifiers: [1, 2, 3],
    payload: alertFirst,
    expiration: () => 1_795_468_516,
    headers: () => ['1795468516', '10'],
  },
  'php-simplepush.capture': {
    command: 0,
    identifiers: unnumbered,
    payload: (n) => `{"aps":{"alert":"hello ${n}","sound":"default"}}`,
    headers: () => [undefined, '10'],
  },
  'py-pyapns-enhanced.capture': {
    command: 1,
    identifiers: [1001, 1002, 1003],
    payload: alertFirst,
    expiration: () => agreed,
    headers: () => ['1800000000', '10'],
  },
  'py-pyapns-frame.capture': {
    command: 2,
    identifiers: [1001, 1002, 1003],
    payload: alertFirst,
    expiration: () => agreed,
    priority: () => 10,
    headers: () => ['1800000000', '10'],
  },
  'py-pyapns-simple.capture': {
    command: 0,
    identifiers: unnumbered,
    payload: alertFirst,
    headers: () => [undefined, '10'],
  },
  'rb-grocer.capture': {
    command: 1,
    identifiers: [0, 0, 0],
    payload: alertFirst,
    expiration: () => agreed,
    headers: () => ['1800000000', '10'],
  },
  'rb-houston.capture': {
    command: 2,
    identifiers: [0, 1, 2],
    payload: (n) => `{"aps":{"alert":"hello ${n}","badge":${n},"sound":"default"}}`,
    headers: () => ['0', '10'],
  },
}

const pushy = 'java-pushy-0.4.3.capture'

/** Its lengths are in order, its JSON is not. */
const brokenOff = 'c-openssl-s_client-tls10.capture'

const barrier: Received = {
  kind: 'refused',
  command: 2,
  identifier: 4,
  code: 'missing-token',
}

function valuesOf(file: string, expected: Expectation): Received[] {
  const { command, identifiers, payload, expiration, priority } = expected
  const values = identifiers.map(
    (identifier, index): Received => ({
      kind: 'notification',
      command,
      identifier,
      token: Buffer.alloc(32, 0x11 * (index + 1)),
      payload: Buffer.from(payload(index + 1)),
      expiration: expiration?.(index + 1),
      priority: priority?.(index + 1),
    }),
  )
  return file === pushy ? [...values, barrier] : values
}

const values = new Map<string, readonly Received[]>([
  [
    brokenOff,
    [
      {
        kind: 'notification',
        command: 0,
        identifier: undefined,
        token: Buffer.alloc(32, 0x11),
        payload: Buffer.from('{"aps":{"a":1'),
        expiration: undefined,
        priority: undefined,
      },
    ],
  ],
  ...Object.entries(expectations).map(
    ([file, expected]) => [file, valuesOf(file, expected)] as const,
  ),
])

t.test('every capture is expected to say something', (t) => {
  const files = readdirSync(folder).filter((file) => file !== 'README.md')
  t.strictSame(files.sort(), [...values.keys()].sort())
  t.end()
})

for (const [file, expected] of values)
  t.test(`${file} decodes to the same record by record, byte by byte and in any cuts`, (t) => {
    const records = recordsOf(file)
    const bytes = Buffer.concat(records)
    const transcript = { values: expected, fault: undefined }
    t.strictSame(transcribe(records, 4096), transcript)
    t.strictSame(transcribe([bytes], 4096), transcript)
    t.strictSame(transcribe(bytewise(bytes), 4096), transcript)
    fc.assert(
      fc.property(places, (cuts) => {
        deepStrictEqual(transcribe(cutAt(bytes, cuts), 4096), transcript)
      }),
      { seed: 1 },
    )
    t.end()
  })

for (const [file, expected] of values)
  t.test(`${file} less its last byte says all but the last, and that it is truncated`, (t) => {
    const { values, fault } = transcribe(
      [Buffer.concat(recordsOf(file)).subarray(0, -1)],
      4096,
    )
    t.strictSame(values, expected.slice(0, -1))
    t.equal(fault?.code, 'truncated')
    t.end()
  })

async function write({ socket }: RawSender, records: readonly Buffer[]): Promise<void> {
  // Each waits for the one before, else several would share a TLS record.
  for (const record of records) await new Promise((written) => socket.write(record, written))
}

/** What the provider API has taken, in the order of the tokens. */
function arrived({ received }: Stage): unknown[] {
  return received
    .map(({ token, payload, expiration, priority, status }) => ({
      token,
      payload: payload.toString(),
      headers: [expiration, priority],
      status,
    }))
    .sort((a, b) => a.token.localeCompare(b.token))
}

function arrivals({ identifiers, payload, headers }: Expectation): unknown[] {
  return identifiers.map((_, index) => ({
    token: String(index + 1).repeat(64),
    payload: payload(index + 1),
    headers: headers(index + 1),
    status: 200,
  }))
}

for (const [file, expected] of Object.entries(expectations))
  t.test(`${file} arrives at the provider API, through a real gateway`, async (t) => {
    const stage = await setStage(t)
    const sender = await RawSender.open(t, stage)
    await write(sender, recordsOf(file))
    if (file === pushy) await sender.saw('end')
    t.strictSame(sender.events, file === pushy ? ['data 080200000004', 'end'] : [])
    if (file === pushy) t.strictSame(arrived(stage), arrivals(expected), 'before the answer')
    sender.end()
    await sender.saw('close')
    t.strictSame(arrived(stage), arrivals(expected))
    t.equal(sender.events.filter((event) => event.startsWith('error')).length, 0)
  })

t.test(`${brokenOff} reaches nobody and harms nobody`, async (t) => {
  const stage = await setStage(t)
  const sender = await RawSender.open(t, stage)
  await write(sender, recordsOf(brokenOff))
  sender.end()
  await sender.saw('close')
  t.strictSame(sender.events, ['end', 'close'])
  t.strictSame(stage.received, [])
  const next = await RawSender.open(t, stage)
  await write(next, recordsOf('php-simplepush.capture'))
  next.end()
  await next.saw('close')
  t.equal(stage.received.length, 3)
})

t.test('a sender that stops inside its last message is owed the ones before', async (t) => {
  const stage = await setStage(t)
  const sender = await RawSender.open(t, stage)
  const bytes = Buffer.concat(recordsOf('java-notnoop-1.0.0.capture'))
  await write(sender, [bytes.subarray(0, -1)])
  sender.end()
  await sender.saw('close')
  t.strictSame(sender.events, ['end', 'close'])
  t.strictSame(
    stage.received.map(({ token }) => token).sort(),
    ['1'.repeat(64), '2'.repeat(64)],
  )
})
