/** Appending, the size limit, and errors of the file system. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CaptureFile } from '../../src/recording/capture-file.ts'
import { until, untilAtLeast } from '../fixtures/condition.ts'

function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

function open(path: string, maxBytes: number): { file: CaptureFile; told: string[] } {
  const told: string[] = []
  const file = new CaptureFile(path, maxBytes, (event) => {
    if (event.event === 'capture.full') told.push('full')
    else told.push((event.error as NodeJS.ErrnoException).code ?? 'no code')
  })
  return { file, told }
}

function contentOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(path, 'utf8')
}

t.test('writes lines in order, readable by the owner only', async (t) => {
  const path = join(folder(t), 'a.capture')
  const { file, told } = open(path, 1024)
  t.equal(contentOf(path), '')
  for (const line of ['> 00\n', '> 01\n', '> 02\n']) file.append(line)
  file.close()
  file.append('> 03\n')
  await until(() => contentOf(path) === '> 00\n> 01\n> 02\n')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.same(told, [])
})

t.test('ends with a comment when it is full, within its size limit', async (t) => {
  const path = join(folder(t), 'a.capture')
  const { file, told } = open(path, 100)
  file.append(`> ${'00'.repeat(10)}\n`)
  t.equal(file.isClosed, false)
  file.append(`> ${'00'.repeat(40)}\n`)
  t.equal(file.isClosed, true)
  file.append('> 00\n')
  await until(() => contentOf(path).includes('stopped'))
  t.match(contentOf(path), /^> (00){10}\n# stopped here: .*\n$/)
  t.ok(statSync(path).size <= 100)
  t.same(told, ['full'])
})

t.test('never overwrites an existing file', async (t) => {
  const path = join(folder(t), 'a.capture')
  writeFileSync(path, 'mine')
  const { file, told } = open(path, 1024)
  file.append('> 00\n')
  await untilAtLeast(() => told.length, 1)
  t.same(told, ['EEXIST'])
  t.equal(readFileSync(path, 'utf8'), 'mine')
  t.equal(file.isClosed, true)
})

t.test('a full disk leaves complete lines only, and is reported once', async (t) => {
  const disk = folder(t)
  const size = ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]
  if (process.platform !== 'linux' || spawnSync('mount', size).status !== 0) {
    t.comment('skipped: this user cannot mount a small disk')
    return
  }
  t.teardown(() => spawnSync('umount', [disk]))
  const path = join(disk, 'a.capture')
  const { file, told } = open(path, 1_000_000)
  const line = `> ${'ab'.repeat(5000)}\n`
  for (let lines = 1; told.length === 0; lines++) {
    file.append(line)
    await until(() => told.length > 0 || contentOf(path).length >= lines * line.length)
  }
  file.append(line)
  t.same(told, ['ENOSPC'])
  t.equal(contentOf(path), line.repeat(6))
})
