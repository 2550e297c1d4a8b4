/** Locks a directory for one process at a time, by a socket in it that stays bound while the process lives. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, realpathSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Bytes in a `sockaddr_un` on macOS, which has the fewest; Linux has 107. */
const longestPathBytes = 103
const suffix = '.sock'

/** Releases the lock, which otherwise lasts until the process ends. */
export type ReleaseLock = () => Promise<void>

/**
 * Binds a socket of its own, then looks for live sockets of others. Of two processes that start at
 * the same time, at least one finds the other and releases its lock, so two never hold it. Socket
 * names are random and never reused, so removing a dead socket is always safe.
 * @returns undefined if another process, or this one, holds the lock
 * @throws the system's error if no socket can be bound
 */
export async function lockDirectory(directory: string): Promise<ReleaseLock | undefined> {
  if (process.platform === 'win32') return lockWithPipe(directory)
  const { folder, prefix } = socketPlace(realpathSync(directory))
  const own = `${prefix}${randomUUID().slice(0, 8)}${suffix}`
  const release = await bind(join(folder, own))
  for (const name of readdirSync(folder)) {
    if (name === own || !isLock(name, prefix)) continue
    const path = join(folder, name)
    if (await isAlive(path)) {
      await release()
      return undefined
    }
    rmSync(path, { force: true })
  }
  return release
}

/** Whether a process holds the lock. Takes no lock, so a start at the same time is not disturbed. */
export async function isLocked(directory: string): Promise<boolean> {
  if (process.platform === 'win32') return isAlive(pipeOf(directory))
  const { folder, prefix } = socketPlace(realpathSync(directory))
  for (const name of readdirSync(folder))
    if (isLock(name, prefix) && (await isAlive(join(folder, name)))) return true
  return false
}

function isLock(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && name.endsWith(suffix)
}

/** In the directory, so that containers that share it find it. For a long path, in the system's tmp. */
function socketPlace(directory: string): { folder: string; prefix: string } {
  const longest = join(directory, `lock-12345678${suffix}`)
  if (Buffer.byteLength(longest) <= longestPathBytes) return { folder: directory, prefix: 'lock-' }
  return { folder: tmpdir(), prefix: `apns-legacy-proxy-${hashOf(directory)}-` }
}

/** Windows has no sockets in directories, but removes a pipe when its process ends. */
async function lockWithPipe(directory: string): Promise<ReleaseLock | undefined> {
  try {
    return await bind(pipeOf(directory))
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') return undefined
    throw error
  }
}

function pipeOf(directory: string): string {
  return `\\\\.\\pipe\\apns-legacy-proxy-${hashOf(realpathSync(directory))}`
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function hashOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 32)
}

function ignore(): void {
  // Nobody waits for these sockets any more.
}

async function bind(path: string): Promise<ReleaseLock> {
  const server = createServer((socket) => socket.on('error', ignore).destroy())
  server.listen(path)
  await once(server, 'listening')
  // A failed accept does not release the lock.
  server.on('error', ignore).unref()
  return async () => {
    server.close()
    await once(server, 'close')
  }
}

/** The socket file of a killed process still exists, but refuses connections. */
async function isAlive(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    return codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'
  } finally {
    socket.on('error', ignore).destroy()
  }
}
