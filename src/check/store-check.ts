/** Whether the Redis of a configuration can be used, and whether it keeps what it is given. */
import type { Clock } from '../clock.ts'
import type { StoreConfiguration } from '../config/store.ts'
import { inPublic } from '../store/redis-address.ts'
import {
  faultOf,
  redisDialler,
  type RedisConnection,
  type Reply,
} from '../store/redis-connection.ts'
import { redisKeys } from '../store/redis-key.ts'
import { error, ok, warning, type Finding } from './finding.ts'

const subject = 'store'
const timeoutMs = 5000

/** Nothing where it is not Redis. */
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
    await tryRights(connection, redisKeys(store.address.prefix).alive('check'))
    return await settingFindings(connection, place)
  } catch (cause) {
    return [failure(cause instanceof Error ? cause : new Error(String(cause)), place)]
  } finally {
    cancel()
    connection?.destroy()
  }
}

/** One of each kind of command that the store uses, as far as they can do no harm. */
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
    return error(subject, finding, 'start it, or correct the address and what is on the way to it')
  }
  const [finding = '', cure = 'correct store'] = fault.message.split('; ')
  return error(subject, finding, cure)
}

/** A user without many rights may not ask for settings, and that is no fault. */
async function settingFindings(connection: RedisConnection, place: string): Promise<Finding[]> {
  const ask = (...args: string[]): Promise<Reply | undefined> =>
    connection.send(args).catch(() => undefined)
  const info = String((await ask('INFO')) ?? '')
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const version =
    value('valkey_version') ?? value('redis_version') ?? 'which does not tell its version'
  const findings = [ok(subject, `Redis at ${place} can be used (${version})`)]
  const policy = value('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction')
    findings.push(
      warning(
        subject,
        `its maxmemory-policy is ${policy}: when memory is short, it forgets notifications`,
        'set maxmemory-policy noeviction',
      ),
    )
  const [, snapshots] = ((await ask('CONFIG', 'GET', 'save')) ?? []) as readonly Reply[]
  if (value('aof_enabled') === '0' && snapshots !== undefined && String(snapshots) === '')
    findings.push(
      warning(
        subject,
        'it keeps nothing on its disk: what is owned is lost if it stops together with the proxies',
        'set appendonly yes',
      ),
    )
  return findings
}
