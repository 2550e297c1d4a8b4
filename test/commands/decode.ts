/** The `decode` command on every capture there is, on raw bytes, and on what is none of these. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { runCommand } from '../fixtures/command.ts'
import { hex, token } from '../fixtures/hex.ts'

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
  const rows: readonly [string, readonly string[], RegExp][] = [
    [fileOf(t, '# x\n> 0g\n'), [], /file: line 2: "g" is not a hexadecimal digit/],
    [fileOf(t, '00 0x'), ['--format', 'hex'], /file: character 5, "x"/],
    [join(tmpdir(), 'no-such-file'), [], /ENOENT.*no-such-file.*correct the path/],
  ]
  for (const [path, args, message] of rows) {
    const { code, stdout, stderr } = await runCommand(t, ['decode', path, ...args])
    t.match({ code, stdout, stderr }, { code: 1, stdout: '', stderr: message })
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
