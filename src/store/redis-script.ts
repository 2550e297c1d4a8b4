/** What Redis has to do without anybody in between. All keys of a script share one hash tag. */

/** KEYS journals; ARGV process, names of journals. → for each, whether it is the process's now. */
export const ownScript = `
local owned = {}
for i = 2, #ARGV do
  local owner = redis.call('HGET', KEYS[1], ARGV[i])
  if not owner then redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
  owned[i - 1] = (not owner or owner == ARGV[1]) and 1 or 0
end
return owned`

/** KEYS journals, life of its owner; ARGV journal, owner, process. → 1 for the one who gets it. */
export const claimScript = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`

/**
 * KEYS provider token; ARGV token and when it was issued, the time since when another is preferred,
 * how long it is kept, all ms. → the token that all use.
 */
export const tokenScript = `
local known = redis.call('GET', KEYS[1])
if known and tonumber(string.match(known, '^%d+')) > tonumber(ARGV[3]) then return known end
local own = ARGV[2] .. ' ' .. ARGV[1]
redis.call('SET', KEYS[1], own, 'PX', ARGV[4])
return own`

/** KEYS feedback, routes with feedback; ARGV route, then token and timestamp in turn. */
export const addScript = `
redis.call('SADD', KEYS[2], ARGV[1])
for i = 2, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end`

/** KEYS feedback, readers; ARGV start of the keys of what readers have, then tokens. */
export const dropScript = `
local readers = redis.call('ZRANGE', KEYS[2], 0, -1)
for i = 2, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
  for _, reader in ipairs(readers) do redis.call('HDEL', ARGV[1] .. reader, ARGV[i]) end
end`

const giveBack = `
local function is_newer(key, token, timestamp)
  local known = redis.call('HGET', key, token)
  return known and tonumber(known) >= tonumber(timestamp)
end
local function give_back(feedback, readers, held, reader)
  local entries = redis.call('HGETALL', held .. reader)
  redis.call('DEL', held .. reader)
  redis.call('ZREM', readers, reader)
  local others = redis.call('ZRANGE', readers, 0, -1)
  for i = 1, #entries, 2 do
    local token, timestamp = entries[i], entries[i + 1]
    local newer = is_newer(feedback, token, timestamp)
    for _, other in ipairs(others) do newer = newer or is_newer(held .. other, token, timestamp) end
    if not newer then redis.call('HSET', feedback, token, timestamp) end
  end
end`

/**
 * KEYS feedback, readers; ARGV start of the keys of what readers have, reader, ms. Whoever's time
 * is over has lost it; what is there by then is the reader's, for so long.
 */
export const holdScript = `${giveBack}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], 0, now)) do
  give_back(KEYS[1], KEYS[2], ARGV[1], late)
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], ARGV[1] .. ARGV[2])
  redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
end`

/** KEYS feedback, readers; ARGV start of the keys of what readers have, reader. */
export const releaseScript = `${giveBack}
give_back(KEYS[1], KEYS[2], ARGV[1], ARGV[2])`
