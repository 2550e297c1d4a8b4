/** Set-ups of routes with which APNs has accepted a notification, for all processes of one Redis. */
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { ProofStore } from './store.ts'

export function redisProofs(link: Pick<RedisLink, 'try'>, keys: RedisKeys): ProofStore {
  return {
    has: async (route, setup) => String(await link.try(['HGET', keys('proofs'), route])) === setup,
    keep: (route, setup) => {
      void link.try(['HSET', keys('proofs'), route, setup])
    },
  }
}
