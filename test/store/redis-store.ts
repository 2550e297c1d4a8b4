/** The Redis store before a real redis-server: conformance, several processes, a server in trouble. */
import t from 'tap'
import { systemClock } from '../../src/clock.ts'
import { parseRedisUrl } from '../../src/store/redis-address.ts'
import { openRedisStore, type RedisStoreObserver } from '../../src/store/redis-store.ts'
import type { Store } from '../../src/store/store.ts'
import { noRedis, RedisServer } from '../fixtures/redis-server.ts'
import { conformance } from './conformance.ts'

const silent: RedisStoreObserver = {
  lost(error) {
    throw error
  },
  back() {
    throw new Error('nothing was lost')
  },
  damaged() {
    throw new Error('nothing is damaged')
  },
}

interface Options {
  readonly observer?: RedisStoreObserver
  readonly prefix?: string
  readonly maxUnwritten?: number
}

function openAt(url: string, options: Options = {}): Promise<Store> {
  const { observer = silent, prefix = 'test', maxUnwritten = 10_000 } = options
  const address = parseRedisUrl(`${url}?prefix=${prefix}`)
  if (typeof address === 'string') throw new Error(address)
  const access = { address, certificateAuthority: undefined }
  return openRedisStore(access, { clock: systemClock, observer, maxUnwritten })
}

if (noRedis === false) {
  let server: Promise<RedisServer> | undefined
  let count = 0
  conformance('Redis', () => {
    const prefix = `test-${count++}`
    server ??= RedisServer.start(t)
    return async () => openAt((await server)?.url ?? '', { prefix })
  })
}
