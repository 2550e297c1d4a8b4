/** A reader on Go's crypto/tls, which returns the last bytes and the EOF from one read when it can. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { systemClock } from '../../src/timing/clock.ts'
import { serveFeedback, type FeedbackEvent } from '../../src/gateway/feedback-service.ts'
import { LmdbFeedback } from '../../src/store/lmdb-feedback.ts'
import { untilIs } from '../fixtures/condition.ts'
import { folder } from '../fixtures/folder.ts'
import { server as identity } from '../fixtures/identity.ts'
import { without } from '../fixtures/tool.ts'

const run = promisify(execFile)
const source = fileURLToPath(new URL('../fixtures/go-client/feedback.go', import.meta.url))
const tupleBytes = 38
const readings = 20

t.test('it is given the last tuple, too', { skip: without('go') }, async (t) => {
  const directory = folder(t)
  const reader = join(directory, 'reader')
  await run('go', ['build', '-o', reader, source], {
    env: { ...process.env, GO111MODULE: 'off' },
  })
  const table = { getRange: () => [], put: () => undefined, remove: () => undefined }
  const store = new LmdbFeedback(table, { writeSoon: () => undefined })
  const ends: string[] = []
  const emit = ({ event, count }: FeedbackEvent): unknown =>
    ends.push(`${event.replace('feedback.', '')} ${count}`)
  const { certificatePem: cert, keyPem: key } = identity
  const listener = createServer(
    { cert, key, maxVersion: 'TLSv1.2', allowHalfOpen: true },
    (socket) => {
      void serveFeedback(socket, 'app', {
        store,
        told: () => undefined,
        clock: systemClock,
        emit,
      })
    },
  )
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => listener.close())
  const { port } = listener.address() as AddressInfo
  for (let reading = 1; reading <= readings; reading++) {
    for (const token of ['aa', 'bb', 'cc']) store.add('app', token.repeat(32), reading)
    const { stdout } = await run(reader, [`127.0.0.1:${port}`])
    t.equal(Number(stdout), 3 * tupleBytes)
    await untilIs(() => ends.length, reading)
  }
  t.same(new Set(ends), new Set(['read 3']))
})
