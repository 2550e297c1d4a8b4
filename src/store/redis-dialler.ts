/** Connects to the current Redis server, which sentinels or cluster nodes may have to name. */
import { createClient, RESP_TYPES } from '@redis/client'
import type { RedisAddress, RedisNode } from './redis-address.ts'

/** An answer of Redis. Strings are bytes, simple strings are text. */
export type Reply = string | number | Buffer | null | readonly Reply[]

/** Answers arrive in the order of the commands. */
export interface RedisConnection {
  /** @throws the error that Redis answered, or the error that ended the connection */
  send(args: readonly (string | Buffer)[]): Promise<Reply>
  /** Closes the connection now, and rejects commands without an answer. */
  destroy(): void
}

/**
 * Opens a connection.
 * @param ended is called once, unless the connection is closed by `destroy`
 * @param signal aborts the attempt
 * @throws if the connection cannot be opened
 */
export type OpenConnection = (
  ended: (error: Error) => void,
  signal: AbortSignal,
) => Promise<RedisConnection>

export interface RedisAccess {
  readonly address: RedisAddress
  /** PEM, trusted instead of Node's roots. */
  readonly certificateAuthority: string | undefined
}

/** Reads all fields of a hash, in pages, so that a long hash does not block other commands. */
export async function readHash(
  connection: Pick<RedisConnection, 'send'>,
  key: string,
  pageSize: number,
): Promise<ReadonlyMap<string, Buffer>> {
  const fields = new Map<string, Buffer>()
  for (let cursor = ''; cursor !== '0';) {
    const args = ['HSCAN', key, cursor || '0', 'COUNT', String(pageSize)]
    const [next, items] = (await connection.send(args)) as readonly [Reply, readonly Buffer[]]
    cursor = String(next)
    for (const [at, value] of items.entries())
      if (at % 2 === 1) fields.set(String(items[at - 1]), value)
  }
  return fields
}

const connectTimeoutMs = 3000

/** Each new connection asks again for the current server. */
export function redisDialler(access: RedisAccess): OpenConnection {
  return async (ended, signal) => dial(access, await inCharge(access, signal), ended, signal)
}

async function dial(
  { address, certificateAuthority: ca }: RedisAccess,
  { host, port }: RedisNode,
  ended: (error: Error) => void,
  signal: AbortSignal,
): Promise<RedisConnection> {
  const { user, password, database, tls } = address
  // RedisLink makes a new connection, and the writers repeat what was lost with the last one.
  const socket = { host, port, connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const
  const client = createClient({
    socket: tls ? { ...socket, tls: true, ...(ca === undefined ? {} : { ca }) } : socket,
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    database,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    RESP: 2,
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  })
  let live = false
  const destroy = (): void => {
    live = false
    client.destroy()
  }
  client.on('error', (error: unknown) => {
    if (!live) return
    live = false
    ended(error instanceof Error ? error : new Error(String(error)))
  })
  signal.throwIfAborted()
  signal.addEventListener('abort', destroy)
  await client.connect()
  signal.removeEventListener('abort', destroy)
  live = true
  return { send: (args) => client.sendCommand<Reply>(args), destroy }
}

/** Asks the first sentinel or cluster node that can be reached for the current server. */
async function inCharge(access: RedisAccess, signal: AbortSignal): Promise<RedisNode> {
  const { kind, nodes, prefix, master } = access.address
  const [server] = nodes
  if (kind === 'server' && server !== undefined) return server
  // The login is for the server, not for the sentinels.
  const bare = { ...access.address, user: undefined, password: undefined, database: 0 }
  const asking = kind === 'sentinel' ? { ...access, address: bare } : access
  let failure: unknown
  for (const node of nodes) {
    try {
      const connection = await dial(asking, node, () => undefined, signal)
      try {
        if (kind === 'sentinel') return await askSentinel(connection, master)
        return await askClusterNode(connection, node, prefix)
      } finally {
        connection.destroy()
      }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

async function askSentinel(connection: RedisConnection, master: string): Promise<RedisNode> {
  const reply = await connection.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master])
  if (!Array.isArray(reply)) throw new Error(`the sentinels know no ${master}`)
  return { host: String(reply[0]), port: Number(reply[1]) }
}

/** All keys have one hash tag, so one node has them all. */
async function askClusterNode(
  connection: RedisConnection,
  node: RedisNode,
  prefix: string,
): Promise<RedisNode> {
  try {
    await connection.send(['EXISTS', `{${prefix}}`])
    return node
  } catch (error) {
    const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec((error as Error).message) ?? []
    if (host === undefined) throw error
    return { host: host === '' ? node.host : host, port: Number(port) }
  }
}

/** Redis refuses, and a retry cannot help. Radius: the process. */
export class RedisFault extends Error {
  override readonly name = 'RedisFault'
}

/** By the message or the code of the error. */
const cures: readonly (readonly [RegExp, string])[] = [
  [/^WRONGPASS|^ERR AUTH|invalid password/, 'rejects the user or password; correct store'],
  [/^NOAUTH/, 'needs a password; give storePasswordFile'],
  [/^NOPERM/, 'denies its user a needed command; set the ACL rule in docs/scaling.md'],
  [/DB index is out of range/, 'has no database of that number; correct the end of store'],
  [/^ERR unknown command|syntax error/, 'is too old; use Redis 6.2, Valkey 7.2 or later'],
  [
    /SELF_SIGNED|UNABLE_TO|CERT_|DEPTH_ZERO|ALTNAME/,
    'has an untrusted certificate; name its CA in storeCertificateAuthority',
  ],
  [/sentinels know no/, 'has no server of that name; correct the end of store'],
  [
    /cluster support disabled|^MOVED|SELECT is not allowed in cluster/,
    'does not fit the scheme of store; write redis+cluster:// for a cluster, else redis://',
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH/, 'does not speak TLS; write redis:// instead of rediss://'],
]

/** @returns undefined for an error that a retry can cure, such as an unreachable server */
export function faultOf(error: Error, address: string): RedisFault | undefined {
  const code = 'code' in error ? String(error.code) : ''
  const [, cure] = cures.find(([sign]) => sign.test(error.message) || sign.test(code)) ?? []
  if (cure === undefined) return undefined
  return new RedisFault(`Redis at ${address} ${cure} (${error.message})`, { cause: error })
}
