/** Lets one process at a time use a directory: a socket beside its data is bound while it lives. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, realpathSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a `sockaddr_un` holds on macOS, the shortest; Linux takes 107. */
const longestPathBytes = 103
const suffix = '.sock'

/** Held until released, or until the process ends in whatever way. */
export class DirectoryLock {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /**
   * Binds a socket of its own, then looks for others. Of two that come at the same time, at least
   * one sees the other and yields, so there are never two; a dead socket bears a name that nobody
   * binds again, so it can be removed at leisure.
   * @returns undefined when another process, or this one, holds it
   * @throws the system's error when no socket can be bound
   */
  static async take(directory: string): Promise<DirectoryLock | undefined> {
    if (process.platform === 'win32') return takePipe(directory, (server) => new this(server))
    const { folder, prefix } = socketPlace(realpathSync(directory))
    const own = `${prefix}${randomUUID().slice(0, 8)}${suffix}`
    const lock = new DirectoryLock(await bind(join(folder, own)))
    for (const name of readdirSync(folder)) {
      if (name === own || !name.startsWith(prefix) || !name.endsWith(suffix)) continue
      const path = join(folder, name)
      if (await isAlive(path)) {
        await lock.release()
        return undefined
      }
      rmSync(path, { force: true })
    }
    return lock
  }

  async release(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** In the directory, so that containers which share it see it; else under a name made of its path. */
function socketPlace(directory: string): { folder: string; prefix: string } {
  const inside = { folder: directory, prefix: 'lock-' }
  const longest = join(directory, `lock-12345678${suffix}`)
  if (Buffer.byteLength(longest) <= longestPathBytes) return inside
  return { folder: tmpdir(), prefix: `apns-legacy-proxy-${hashOf(directory)}-` }
}

/** Windows has no sockets in directories, but its pipes die with their process. */
async function takePipe<Lock>(
  directory: string,
  lockFor: (server: Server) => Lock,
): Promise<Lock | undefined> {
  try {
    return lockFor(await bind(`\\\\.\\pipe\\apns-legacy-proxy-${hashOf(realpathSync(directory))}`))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined
    throw error
  }
}

function hashOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 32)
}

async function bind(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {
      // Whoever asked has gone.
    })
    socket.destroy()
  })
  server.listen(path)
  await once(server, 'listening')
  server.on('error', () => {
    // A failed accept does not loosen the lock.
  })
  return server.unref()
}

/** The socket of a process that was killed is still there, and refuses. */
async function isAlive(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code !== 'ECONNREFUSED' && code !== 'ENOENT'
  } finally {
    socket.on('error', () => {
      // The answer is known.
    })
    socket.destroy()
  }
}
