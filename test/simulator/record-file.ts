import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { RecordFile } from '../../src/simulator/record-file.ts'

const notification: ReceivedNotification = {
  atMs: 1617148800000,
  token: 'a1',
  topic: 'com.example.shop',
  pushType: undefined,
  priority: '10',
  expiration: undefined,
  apnsId: 'eabeae54-14a8-11e5-b60b-1697f925ec7b',
  collapseId: undefined,
  payload: Buffer.from('{"aps":{"alert":"€"}}'),
  credential: 'certificate',
  session: 1,
  status: 200,
  reason: undefined,
}

function unexpected(error: Error): void {
  throw error
}

const line =
  '{"atMs":1617148800000,"token":"a1","topic":"com.example.shop","priority":"10",' +
  '"apnsId":"eabeae54-14a8-11e5-b60b-1697f925ec7b","payload":"{\\"aps\\":{\\"alert\\":\\"€\\"}}",' +
  '"credential":"certificate","session":1,"status":200}\n'

t.test('appends one line for each notification, for the owner’s eyes only', async (t) => {
  const path = join(t.testdir(), 'record.jsonl')
  for (let run = 0; run < 2; run += 1) {
    const record = await RecordFile.open(path, unexpected)
    record.write(notification)
    await record.close()
  }
  t.equal(await readFile(path, 'utf8'), line + line)
  t.equal((await stat(path)).mode & 0o777, 0o600)
})

t.test('closing twice and writing after that do no harm', async (t) => {
  const record = await RecordFile.open(join(t.testdir(), 'record.jsonl'), unexpected)
  await record.close()
  await record.close()
  record.write(notification)
})

t.test('a file that cannot be opened is an error', async (t) => {
  await t.rejects(RecordFile.open(t.testdir(), unexpected), { code: 'EISDIR' })
})

t.test('a full disk is told once and ends the record', async (t) => {
  const problems: Error[] = []
  const record = await RecordFile.open('/dev/full', (error) => problems.push(error))
  record.write(notification)
  await record.close()
  record.write(notification)
  t.match(problems, [{ code: 'ENOSPC' }])
})
