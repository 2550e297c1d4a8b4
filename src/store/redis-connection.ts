/** One connection to the Redis server that is in charge, found by whichever way its address says. */
import { createClient, RESP_TYPES } from '@redis/client'
import type { RedisAddress, RedisNode } from './redis-address.ts'

/** What Redis answers; texts that it keeps come as bytes. */
export type Reply = string | number | Buffer | null | readonly Reply[]

/** Commands are answered in the order in which they were sent. */
export interface RedisConnection {
  /** @throws what Redis answered instead, or why the connection is gone */
  send(args: readonly (string | Buffer)[]): Promise<Reply>
  /** Ends it now; what has not been answered is rejected. */
  destroy(): void
}

/**
 * Opens a connection, and hears once when it ends by itself.
 * @param signal gives up while it is being opened
 * @throws why it cannot be opened
 */
export type OpenConnection = (
  ended: (error: Error) => void,
  signal: AbortSignal,
) => Promise<RedisConnection>

/** What is needed beside the address. */
export interface RedisAccess {
  readonly address: RedisAddress
  /** PEM, instead of the roots that Node trusts. */
  readonly certificateAuthority: string | undefined
}

/** All fields of a hash, in pages: a long one must not hold up everything else. */
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

/** A way to open connections; each asks anew who is in charge. */
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
  // Whoever has this connection makes a new one, and writes again what was lost with it.
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

function inCharge(access: RedisAccess, signal: AbortSignal): Promise<RedisNode> {
  if (access.address.kind === 'sentinel') return askSentinels(access, signal)
  if (access.address.kind === 'cluster') return askCluster(access, signal)
  const [node] = access.address.nodes
  if (node === undefined) throw new RangeError('an address without a server')
  return Promise.resolve(node)
}

/** The first sentinel that can be reached knows it. Sentinels have no user of the server's. */
async function askSentinels(access: RedisAccess, signal: AbortSignal): Promise<RedisNode> {
  const { master } = access.address
  const address = { ...access.address, user: undefined, password: undefined, database: 0 }
  return ask({ ...access, address }, signal, async (connection) => {
    const reply = await connection.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master])
    if (!Array.isArray(reply)) throw new Error(`the sentinels know no ${master}`)
    return { host: String(reply[0]), port: Number(reply[1]) }
  })
}

/** All keys have one hash tag, hence one slot, hence one node. */
async function askCluster(access: RedisAccess, signal: AbortSignal): Promise<RedisNode> {
  return ask(access, signal, async (connection, node) => {
    try {
      await connection.send(['EXISTS', `{${access.address.prefix}}`])
      return node
    } catch (error) {
      const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec((error as Error).message) ?? []
      if (host === undefined) throw error
      return { host: host === '' ? node.host : host, port: Number(port) }
    }
  })
}

async function ask(
  access: RedisAccess,
  signal: AbortSignal,
  question: (connection: RedisConnection, node: RedisNode) => Promise<RedisNode>,
): Promise<RedisNode> {
  let failure: unknown
  for (const node of access.address.nodes) {
    try {
      const connection = await dial(access, node, () => undefined, signal)
      try {
        return await question(connection, node)
      } finally {
        connection.destroy()
      }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** Redis refuses, and will go on refusing. Radius: the process. */
export class RedisFault extends Error {
  override readonly name = 'RedisFault'
}

/** By how the error begins or what its code is. */
const cures: readonly (readonly [RegExp, string])[] = [
  [/^WRONGPASS|^ERR AUTH|invalid password/, 'refuses the user or password of store'],
  [/^NOAUTH/, 'wants a password; give storePasswordFile'],
  [/^NOPERM/, 'does not let its user do what is needed; docs/scaling.md has the ACL rule'],
  [/DB index is out of range/, 'has no database of that number; correct the end of store'],
  [/^ERR unknown command|syntax error/, 'is too old; Redis 6.2, Valkey 7.2 or later is needed'],
  [
    /SELF_SIGNED|UNABLE_TO|CERT_|DEPTH_ZERO|ALTNAME/,
    'shows a certificate that is not trusted; name its CA in storeCertificateAuthority',
  ],
  [/sentinels know no/, 'has no server of the name at the end of store'],
  [
    /cluster support disabled|^MOVED|SELECT is not allowed in cluster/,
    'is one of a cluster; write redis+cluster:// in store, or redis:// if it is not',
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH/, 'does not speak TLS; write redis:// instead of rediss://'],
]

/** @returns undefined for what may go away by itself, as a server that cannot be reached */
export function faultOf(error: Error, address: string): RedisFault | undefined {
  const code = 'code' in error ? String(error.code) : ''
  const [, cure] = cures.find(([sign]) => sign.test(error.message) || sign.test(code)) ?? []
  if (cure === undefined) return undefined
  return new RedisFault(`Redis at ${address} ${cure} (${error.message})`, { cause: error })
}
