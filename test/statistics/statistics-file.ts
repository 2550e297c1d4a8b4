/** The file of the statistics: written now and then, taken up again, and no reason not to start. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StatisticsFile, readStatistics } from '../../src/statistics/statistics-file.ts'
import { untilIs } from '../fixtures/condition.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { folder } from '../fixtures/folder.ts'

interface Kept {
  readonly file: StatisticsFile
  readonly clock: FakeClock
  readonly events: string[]
}

async function keep(directory: string): Promise<Kept> {
  const clock = new FakeClock()
  const events: string[] = []
  const file = await StatisticsFile.open(directory, {
    routes: () => [],
    clock,
    onUnreadable: (file) => events.push(`unreadable ${file}`),
    onWriteFailed: (file) => events.push(`writeFailed ${file}`),
  })
  return { file, clock, events }
}

function come({ file, clock }: Kept): void {
  const certificate = { publicKeySha256: 'a', subject: 'CN=a', notAfter: new Date(0) }
  file.statistics.sender('app', certificate, clock.now())
}

t.test('is written once a minute where something has changed, for the owner alone', async (t) => {
  const directory = folder(t)
  const file = join(directory, 'census.json')
  const kept = await keep(directory)
  come(kept)
  kept.clock.advance(59_000)
  t.equal(readStatistics(directory), undefined)
  kept.clock.advance(1000)
  await untilIs(() => readStatistics(directory)?.senders.length, 1)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const { ino } = statSync(file)
  kept.clock.advance(120_000)
  await kept.file.close()
  t.equal(statSync(file).ino, ino)
  t.equal(kept.clock.pending, 0)
})

t.test('is written at the end, and taken up by the next', async (t) => {
  const directory = folder(t)
  const first = await keep(directory)
  come(first)
  await first.file.close()
  const second = await keep(directory)
  t.match(second.file.snapshot(), { senders: [{ subject: 'CN=a' }] })
  t.same(second.events, [])
  await second.file.close()
})

const damages: readonly [string, (text: string) => string][] = [
  ['cut off', (text) => text.slice(0, -10)],
  ['of a later version', (text) => text.replace('"version":1', '"version":2')],
  ['of another shape', () => '{"version":1}'],
]

for (const [name, damage] of damages)
  t.test(`one that is ${name} is put aside, with a word`, async (t: Test) => {
    const directory = folder(t)
    const file = join(directory, 'census.json')
    const first = await keep(directory)
    come(first)
    await first.file.close()
    const damaged = damage(readFileSync(file, 'utf8'))
    writeFileSync(file, damaged)
    t.throws(() => readStatistics(directory), /census\.json is damaged, or of another version/)
    const second = await keep(directory)
    t.same(second.events, [`unreadable ${file}`])
    t.same(second.file.snapshot().senders, [])
    t.equal(readFileSync(`${file}.unreadable`, 'utf8'), damaged)
    await second.file.close()
    t.ok(readStatistics(directory))
  })

t.test('a file that cannot be read is not taken for one that is not there', (t) => {
  const directory = folder(t)
  t.equal(readStatistics(directory), undefined)
  writeFileSync(join(directory, 'file'), '')
  t.throws(() => readStatistics(join(directory, 'file')), { code: 'ENOTDIR' })
  t.end()
})

t.test('goes on where it cannot be written', async (t) => {
  const directory = join(folder(t), 'data')
  await mkdir(directory)
  const kept = await keep(directory)
  await rm(directory, { recursive: true })
  writeFileSync(directory, 'no directory any more')
  await kept.file.close()
  t.same(kept.events, [`writeFailed ${join(directory, 'census.json')}`])
})
