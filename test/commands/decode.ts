/** The `decode` command on every capture there is, on raw bytes, and on what is none of these. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { formatCapture } from '../../src/capture/capture.ts'
import { runCommand } from '../fixtures/command.ts'
import { hex, token } from '../fixtures/hex.ts'
import { faults, refusals, unfinished } from '../fixtures/malformed.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const cli = join(root, 'dist/cli.js')
const pushy = 'captures/java-pushy-0.4.3.capture'
const noStack = /\n\s+at .*:\d+/

function parse(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** A file of these bytes. */
function fileOf(t: Test, bytes: Buffer | string): string {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  const path = join(directory, 'file')
  writeFileSync(path, bytes)
  return path
}

/** Runs the command with these bytes on its standard input. */
async function pipe(
  args: readonly string[],
  bytes: Buffer,
): Promise<{ code: unknown; stdout: string }> {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  child.stdin.end(bytes)
  const stdout = await text(child.stdout)
  const [code] = (await ended) as [unknown]
  return { code, stdout }
}

t.test('a capture: a JSON line for each message, and exit code 0', async (t) => {
  const { code, stdout, stderr } = await runCommand(t, ['decode', join(root, pushy)])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(parse(stdout), [
    { connection: 1, from: 'sender', record: 1, offset: 0, length: 98, kind: 'notification' },
    { record: 2, offset: 98, identifier: 2 },
    { record: 3, offset: 196 },
    { record: 4, offset: 294, kind: 'refused', code: 'missing-token', fault: { offset: 307 } },
  ])
})

t.test('raw bytes on standard input: where they break, and exit code 1', async (t) => {
  const { code, stdout } = await pipe(['decode', '-'], hex(`00 0020 ${token} 0001 31 ff00`))
  t.equal(code, 1)
  t.match(parse(stdout), [
    { kind: 'notification', offset: 0, length: 38 },
    {
      kind: 'unreadable',
      offset: 38,
      code: 'unknown-command',
      fault: { offset: 38, found: 'byte 0xff', around: '11 11 11 11 11 00 01 31 [ff] 00' },
    },
  ])
})

/** What is to be said of a stream of the corpus. */
interface Expected {
  readonly what: string
  readonly bytes: Buffer
  readonly code: string
  readonly faultAt: number
}

/** A message in order, before and behind the one at fault. */
const sound = hex(`00 0020 ${token} 0002 7b7d`)

const corpus: readonly Expected[] = [
  ...refusals.map(([text, , , code, what, faultAt]) => ({
    what,
    bytes: Buffer.concat([sound, hex(text), sound]),
    code,
    faultAt: sound.length + faultAt,
  })),
  ...faults.map(([what, text, code, , faultAt]) => ({
    what,
    bytes: Buffer.concat([sound, hex(text), sound]),
    code,
    faultAt: sound.length + faultAt,
  })),
  ...unfinished.flatMap((text) =>
    [1, 3, 7, 30, hex(text).length - 1].map((cut) => ({
      what: `${text.slice(0, 18)}… cut off after ${cut} bytes`,
      bytes: Buffer.concat([sound, hex(text).subarray(0, cut)]),
      code: 'truncated',
      faultAt: sound.length + cut,
    })),
  ),
]

t.test('names fault and offset of each malformed stream that the decoder knows', async (t) => {
  const text = formatCapture({
    header: [],
    connections: corpus.map(({ bytes }, index) => ({
      number: index + 1,
      startMs: undefined,
      records: [{ from: 'sender', offsetMs: undefined, bytes }],
    })),
  })
  const { code, stdout } = await runCommand(t, ['decode', fileOf(t, text)])
  t.equal(code, 1)
  const said = parse(stdout)
  for (const [index, { what, code, faultAt }] of corpus.entries()) {
    const faulty = said.filter((one) => one['connection'] === index + 1 && 'fault' in one)
    const last = faulty.at(-1)
    t.match(last, { code, fault: { offset: faultAt } }, what)
    // One that is refused before it turns out to be cut off is told of twice.
    if (code !== 'truncated') t.equal(faulty.length, 1, what)
  }
})

/** The most memory that a process has had, in bytes. */
function peakBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1])
}

const hasNoProc = !existsSync('/proc/self/status') && 'no /proc here'

/** Pipes `bytes` into the command, then `block` so often, and looks at its memory before the end. */
async function decodeLong(
  bytes: Buffer,
  block: Buffer,
  blocks: number,
): Promise<{ peak: number; last: unknown; lines: number }> {
  const child = spawn(process.execPath, [cli, 'decode', '--mask', '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  let lines = 0
  let end = ''
  child.stdout.setEncoding('latin1')
  child.stdout.on('data', (text: string) => {
    lines += text.split('\n').length - 1
    end = (end + text).slice(-5000)
  })
  child.stdin.write(bytes)
  for (let left = blocks; left > 0; left--)
    if (!child.stdin.write(block)) await once(child.stdin, 'drain')
  const peak = peakBytes(child.pid)
  child.stdin.end()
  await ended
  return { peak, lines, last: JSON.parse(end.split('\n').at(-2) ?? '') }
}

t.test('a stream is longer than the memory that it takes', { skip: hasNoProc }, async (t) => {
  // Long messages: this is about bytes, not about lines.
  const message = hex(`01 00000007 00000000 0020 ${token} 1000 ${'20'.repeat(4096)}`)
  const block = Buffer.concat(Array<Buffer>(250).fill(message))
  const whole = await decodeLong(Buffer.alloc(0), block, 320)
  t.equal(whole.lines, 80_000)
  t.match(whole.last, { kind: 'notification', offset: 79_999 * message.length })
  const bound = 256_000_000
  t.ok(320 * block.length > 1.25 * bound)
  t.ok(whole.peak < bound, `${whole.peak} bytes`)
  // Behind what cannot be read, the rest is counted and not kept.
  const lost = await decodeLong(hex('2a'), block, 320)
  t.match(lost.last, { kind: 'unreadable', fault: { offset: 0 }, length: 1 + 320 * block.length })
  t.ok(lost.peak < bound, `${lost.peak} bytes`)
})

t.test('options have their effect', async (t) => {
  const message = fileOf(t, `00 0020 ${token} 0002 7b7d`)
  const tuple = fileOf(t, hex('00000001 0001 aa'))
  const rows: readonly [readonly string[], RegExp][] = [
    [[message, '--format', 'raw'], /"code":"unknown-command"/],
    [[tuple, '--service', 'feedback'], /"timestamp":1,.*"token":"aa"/],
    [[message, '--max-payload-bytes', '1'], /"code":"invalid-payload-size"/],
    [[message, '--mask'], /"masked":"[\da-f]{8}".*"masked":"[\da-f]{8}"/],
  ]
  for (const [args, expected] of rows) {
    const { stdout } = await runCommand(t, ['decode', ...args])
    t.match(stdout, expected, args.join(' '))
    if (args[1] === '--mask') t.notMatch(stdout, /1111|7b7d|\{\}/)
  }
})

t.test('says what is wrong with a file, and names it', async (t) => {
  const rows: readonly [string, readonly string[], RegExp, number][] = [
    [fileOf(t, '# x\n> 0g\n'), [], /file: line 2: "g" is not a hexadecimal digit/, 1],
    [fileOf(t, '00 0x'), ['--format', 'hex'], /file: character 5, "x"/, 1],
    [
      join(tmpdir(), 'no-such-file'),
      [],
      /^\S*no-such-file: there is no such file or folder; correct the path\n$/,
      66,
    ],
  ]
  for (const [path, args, message, expected] of rows) {
    const { code, stdout, stderr } = await runCommand(t, ['decode', path, ...args])
    t.match({ code, stdout, stderr }, { code: expected, stdout: '', stderr: message })
    t.notMatch(stderr, noStack)
  }
})

t.test('a reader that closes early is no failure', async (t) => {
  const message = hex(`00 0020 ${token} 0001 31`)
  const path = fileOf(t, Buffer.concat(Array<Buffer>(20_000).fill(message)))
  const child = spawn(process.execPath, [cli, 'decode', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const errors = text(child.stderr)
  await once(child.stdout, 'data')
  child.stdout.destroy()
  t.same(await ended, [0, null])
  t.equal(await errors, '')
})
