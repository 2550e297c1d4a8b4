/** Several workers need Redis and ports for all; one needs neither. */
import { availableParallelism } from 'node:os'
import t from 'tap'
import { workerCount, workerProblems } from '../../src/config/workers.ts'

const redis = 'redis://127.0.0.1:6379'
const lmdb = 'lmdb'
const admin = { host: '127.0.0.1', port: 9195 }

t.test('one worker goes with any store and any port', (t) => {
  t.same(workerProblems({ workers: 1, store: lmdb, admin: { ...admin, port: 65_535 } }), [])
  t.same(workerProblems({ workers: undefined, store: undefined, admin: undefined }), [])
  t.end()
})

t.test('several need a store that they can share', (t) => {
  t.same(workerProblems({ workers: 2, store: redis, admin }), [])
  t.match(workerProblems({ workers: 2, store: lmdb, admin }), [
    { path: 'workers', message: /^2 processes need .* set store to redis:\/\/.*or workers to 1$/ },
  ])
  t.end()
})

t.test('auto is one for each core, and judged by that', (t) => {
  const cores = availableParallelism()
  t.equal(workerCount('auto'), cores)
  const expected =
    cores === 1 ? [] : [{ path: 'workers', message: new RegExp(`^auto is ${cores} `) }]
  t.match(workerProblems({ workers: 'auto', store: lmdb, admin }), expected)
  t.end()
})

t.test('several need an admin port for each', (t) => {
  t.same(workerProblems({ workers: 4, store: redis, admin: { ...admin, port: 65_532 } }), [])
  t.match(workerProblems({ workers: 4, store: redis, admin: { ...admin, port: 65_533 } }), [
    { path: 'admin.port', message: /choose 65532 or less$/ },
  ])
  t.same(workerProblems({ workers: 4, store: redis, admin: { ...admin, port: 0 } }), [])
  t.end()
})
