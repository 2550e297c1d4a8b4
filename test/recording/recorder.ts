/** Records connections of a whole proxy: the files are correct, and senders are not affected. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  mkdtempSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseCapture } from '../../src/capture/capture.ts'
import type { Description } from '../../src/capture/describe-message.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { Recorder, type RecorderOptions } from '../../src/recording/recorder.ts'
import { until } from '../fixtures/condition.ts'
import { describeConnection } from '../fixtures/description.ts'
import { hex, token } from '../fixtures/hex.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage, type Stage, type StageOptions } from '../fixtures/stage.ts'

const payload = '{"aps":{"alert":"very secret"}}'
const bad = 'bad0'.repeat(16)

function push(identifier: string, token: string): string {
  return `01 ${identifier} 7fffffff 0020 ${token} 001f ${Buffer.from(payload).toString('hex')}`
}

interface Scene extends Stage {
  readonly told: string[]
  /** A directory that does not exist yet. */
  readonly captures: string
}

async function setScene(
  t: Test,
  wanted: Partial<RecorderOptions> = {},
  prepare: (captures: string) => void = () => undefined,
  file: StageOptions['file'] = {},
): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  const captures = join(directory, 'captures')
  prepare(captures)
  const told: string[] = []
  const recorder = new Recorder(
    {
      directory: captures,
      route: undefined,
      address: undefined,
      maxBytes: 100_000,
      maxConnections: 100,
      tokens: false,
      payloads: false,
      ...wanted,
    },
    systemClock,
    (event) => {
      const name = event.event.replace('capture.', '')
      if (event.event === 'capture.opened') told.push(`${name} ${event.about.kind}`)
      else if (event.event === 'capture.failed')
        told.push(`${name} ${(event.error as NodeJS.ErrnoException).code ?? ''}`)
      else told.push(name)
    },
  )
  const answers = [
    { tokenPrefix: 'bad', reason: 'BadDeviceToken' },
    { tokenPrefix: 'dead', reason: 'Unregistered' },
  ]
  const stage = await setStage(t, { simulator: { answers }, file, recorder })
  return { ...stage, told, captures }
}

/** Sends two pushes, the second to a bad token, and reads the error response. */
async function play(t: Test, stage: Stage): Promise<readonly string[]> {
  const sender = await RawSender.open(t, stage)
  // One write, one read, one record of the capture.
  sender.write(push('00000001', token) + push('00000002', bad))
  await sender.saw('end')
  sender.end()
  await sender.saw('close')
  return sender.events
}

const answered = ['data 080800000002', 'end', 'close']

/** The content of the only file, once it has this many records. */
async function fileOf({ captures }: Scene, lines: number): Promise<string> {
  const read = (): string => {
    const [name = ''] = readdirSync(captures)
    return name === '' ? '' : readFileSync(join(captures, name), 'utf8')
  }
  await until(
    () =>
      read()
        .split('\n')
        .filter((line) => /^[<>]/.test(line)).length >= lines,
  )
  return read()
}

function describe(text: string): Description[] {
  return parseCapture(text).connections.flatMap((connection) =>
    describeConnection(connection, { service: 'auto', maxPayloadBytes: 4096, mask: undefined }),
  )
}

t.test(
  'records both sides, readable by the owner only, with tokens and payloads masked',
  async (t) => {
    const scene = await setScene(t)
    t.same(await play(t, scene), answered)
    const text = await fileOf(scene, 2)
    t.match(
      text,
      /^# taken: by apns-legacy-proxy at .*Z, over TLSv1\.2\n# from: gateway connection 1 of 127\.0\.0\.1, route "app"\n# device tokens: masked; payloads: masked\nconnection 1\n> \+\d+ /,
    )
    t.notMatch(text, new RegExp(`${token}|bad0|${Buffer.from('secret').toString('hex')}`))
    const described = describe(text)
    t.match(described, [
      { kind: 'notification', command: 1, identifier: 1, length: 76 },
      { kind: 'notification', command: 1, identifier: 2, length: 76 },
      { kind: 'error-response', status: 8, identifier: 2 },
    ])
    const [name = ''] = readdirSync(scene.captures)
    t.match(name, /^app-\d{8}T\d{6}\.\d{3}Z-1\.capture$/)
    t.equal(statSync(scene.captures).mode & 0o777, 0o700)
    t.equal(statSync(join(scene.captures, name)).mode & 0o777, 0o600)
    t.same(scene.told, ['opened gateway'])
  },
)

t.test('records tokens and payloads unmasked if configured', async (t) => {
  const scene = await setScene(t, { tokens: true, payloads: true })
  t.same(await play(t, scene), answered)
  const sent = parseCapture(await fileOf(scene, 2)).connections[0]?.records.filter(
    ({ from }) => from === 'sender',
  )
  t.same(
    Buffer.concat(sent?.map(({ bytes }) => bytes) ?? []),
    hex(push('00000001', token) + push('00000002', bad)),
  )
})

t.test('records the selected route and address only', async (t) => {
  for (const wanted of [{ route: 'another' }, { address: '10.1.2.3' }, { address: '::1' }]) {
    const scene = await setScene(t, wanted)
    t.same(await play(t, scene), answered)
    t.same(readdirSync(scene.captures), [], JSON.stringify(wanted))
    t.same(scene.told, [])
  }
  const scene = await setScene(t, { route: 'app', address: '127.0.0.1' })
  t.same(await play(t, scene), answered)
  t.same(scene.told, ['opened gateway'])
})

t.test('creates no file for a connection without data', async (t) => {
  const scene = await setScene(t)
  const sender = await RawSender.open(t, scene)
  sender.end()
  await sender.saw('close')
  t.same(readdirSync(scene.captures), [])
})

t.test('stops at the maximum size of a file and at the maximum number of files', async (t) => {
  const scene = await setScene(t, { maxBytes: 300, maxConnections: 1 })
  t.same(await play(t, scene), answered)
  t.same(await play(t, scene), ['data 080800000002', 'end', 'close'])
  t.same(scene.told, ['opened gateway', 'finished', 'full'])
  const [name = '', ...more] = readdirSync(scene.captures)
  t.same(more, [])
  const path = join(scene.captures, name)
  await until(() => readFileSync(path, 'utf8').includes('# stopped here'))
  t.ok(statSync(path).size <= 300)
  t.same(describe(readFileSync(path, 'utf8')), [])
})

t.test('reports once that the directory cannot be created; senders are not affected', async (t) => {
  const scene = await setScene(t, {}, (captures) => {
    writeFileSync(captures, 'a file where a folder should be')
  })
  for (let time = 0; time < 2; time++) t.same(await play(t, scene), answered)
  t.same(
    scene.told.filter((told) => !told.startsWith('opened')),
    ['failed EEXIST'],
  )
})

t.test('reports a directory that others can list, and does not change it', async (t) => {
  const scene = await setScene(t, {}, (captures) => {
    mkdirSync(captures)
    chmodSync(captures, 0o755)
  })
  t.same(scene.told, ['exposed'])
  t.equal(statSync(scene.captures).mode & 0o777, 0o755)
})

t.test('records the feedback service, with tokens masked', async (t) => {
  const listeners = [
    { kind: 'gateway', host: '127.0.0.1', port: 0 },
    { kind: 'feedback', host: '127.0.0.1', port: 0 },
  ]
  const gone = 'dead'.repeat(16)
  const scene = await setScene(t, { address: '127.0.0.1' }, undefined, {
    listeners,
  })
  const sender = await RawSender.open(t, scene)
  sender.end(push('00000001', gone))
  await sender.saw('close')
  const reader = await RawSender.open(t, { port: scene.feedbackPort, sender: scene.sender })
  await reader.saw('data')
  reader.end()
  await reader.saw('close')
  t.match(reader.events[0], gone)
  t.same(scene.told, ['opened gateway', 'opened feedback'])
  const path = (): string | undefined =>
    readdirSync(scene.captures).find((name) => /^app-feedback-.*-2\.capture$/.test(name))
  const read = (): string => readFileSync(join(scene.captures, path() ?? ''), 'utf8')
  await until(() => path() !== undefined && read().includes('<'))
  t.match(describe(read()), [{ kind: 'feedback-tuple', from: 'gateway', length: 38 }])
  t.notMatch(read(), 'dead')
})
