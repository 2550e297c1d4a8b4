/** Shares provider tokens among the processes of one Redis: the first token signed serves all. */
import type { RedisKeys } from './redis-key.ts'
import type { RedisLink } from './redis-link.ts'
import type { ProviderTokenStore } from './store.ts'

/** APNs accepts a token for an hour. */
const keptMs = 60 * 60_000

/**
 * KEYS provider token; ARGV token, its time of issue, the oldest acceptable time of issue of another,
 * its lifetime, all ms. → the token for all.
 */
const agreeScript = `
local known = redis.call('GET', KEYS[1])
if known and tonumber(string.match(known, '^%d+')) > tonumber(ARGV[3]) then return known end
local own = ARGV[2] .. ' ' .. ARGV[1]
redis.call('SET', KEYS[1], own, 'PX', ARGV[4])
return own`

export function redisTokens(link: Pick<RedisLink, 'send'>, keys: RedisKeys): ProviderTokenStore {
  return {
    async agree(name, own, sinceMs) {
      const times = [own.issuedAtMs, sinceMs, keptMs].map((ms) => String(Math.floor(ms)))
      const key = keys(`provider-token:${name}`)
      try {
        const found = await link.send(['EVAL', agreeScript, '1', key, own.jwt, ...times])
        const [, issuedAtMs, jwt] = /^(\d+) (\S+)$/.exec(String(found)) ?? []
        return jwt === undefined ? own : { jwt, issuedAtMs: Number(issuedAtMs) }
      } catch {
        return own
      }
    },
  }
}
