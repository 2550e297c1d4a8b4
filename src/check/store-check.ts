/** Checks that Redis is usable, and that its settings keep the data. */
import type { Clock } from '../timing/clock.ts'
import type { StoreConfiguration } from '../config/store.ts'
import { inPublic } from '../store/redis-address.ts'
import { faultOf, redisDialler, type RedisConnection, type Reply } from '../store/redis-dialler.ts'
import { redisKeys } from '../store/redis-key.ts'
import { error, ok, problemFinding, warning, type Finding } from './finding.ts'

const subject = 'store'
const timeoutMs = 5000

/** No findings for the embedded store. */
export async function storeFindings(store: StoreConfiguration, clock: Clock): Promise<Finding[]> {
  if (store.kind === 'lmdb') return []
  const place = inPublic(store.address)
  const giveUp = new AbortController()
  let connection: RedisConnection | undefined
  const cancel = clock.after(timeoutMs, () => {
    giveUp.abort()
    connection?.destroy()
  })
  try {
    connection = await redisDialler(store)(() => undefined, giveUp.signal)
    await tryRights(connection, redisKeys(store.address.prefix)('alive:check'))
    return await settingFindings(connection, place)
  } catch (cause) {
    return [failure(cause instanceof Error ? cause : new Error(String(cause)), place)]
  } finally {
    cancel()
    connection?.destroy()
  }
}

/** Sends one harmless command of each kind that the store uses, to check the rights of its user. */
async function tryRights(connection: RedisConnection, key: string): Promise<void> {
  await connection.send(['SET', key, '1', 'PX', '1', 'GET'])
  await connection.send(['EVAL', "return redis.call('HLEN', KEYS[1])", '1', `${key}:hash`])
  await connection.send(['XREVRANGE', `${key}:stream`, '+', '-', 'COUNT', '1'])
  await connection.send(['TIME'])
}

function failure(cause: Error, place: string): Finding {
  const fault = faultOf(cause, place)
  if (fault === undefined) {
    const finding = `Redis at ${place} cannot be reached (${cause.message})`
    return error(subject, finding, 'start it, or correct its address or the network')
  }
  return problemFinding({ path: subject, message: fault.message })
}

/** If the user may not read the settings, there is no finding about them. */
async function settingFindings(connection: RedisConnection, place: string): Promise<Finding[]> {
  const ask = (...args: string[]): Promise<Reply | undefined> =>
    connection.send(args).catch(() => undefined)
  const info = String((await ask('INFO')) ?? '')
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const version = value('valkey_version') ?? value('redis_version') ?? 'version unknown'
  const findings = [ok(subject, `Redis at ${place} can be used (${version})`)]
  const policy = value('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction')
    findings.push(
      warning(
        subject,
        `its maxmemory-policy is ${policy}: when memory is short, Redis evicts notifications`,
        'set maxmemory-policy noeviction',
      ),
    )
  const save = await ask('CONFIG', 'GET', 'save')
  const snapshots = Array.isArray(save) && save.length > 1 ? String(save[1]) : undefined
  if (value('aof_enabled') === '0' && snapshots === '')
    findings.push(
      warning(
        subject,
        'it writes nothing to disk: notifications are lost if it and the proxies stop at the same time',
        'set appendonly yes',
      ),
    )
  return findings
}
