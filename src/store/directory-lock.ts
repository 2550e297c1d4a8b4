/** Lets one process at a time use a directory: a socket in it is bound for as long as it lives. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { linkSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a `sockaddr_un` holds on macOS, the shortest; Linux takes 107. */
const longestPathBytes = 103

/** Held until released, or until the process ends in whatever way. */
export class DirectoryLock {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /**
   * @returns undefined when another process, or this one, holds it
   * @throws the system's error when no socket can be bound
   */
  static async take(directory: string): Promise<DirectoryLock | undefined> {
    const path = socketPath(realpathSync(directory))
    for (;;) {
      const server = await bind(path)
      if (server !== undefined) return new DirectoryLock(server)
      if ((await isAlive(path)) || !(await clearAway(path))) return undefined
    }
  }

  async release(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** In the directory, so that containers which share it see it; else under a name made of its path. */
function socketPath(directory: string): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 32)
  if (process.platform === 'win32') return `\\\\.\\pipe\\apns-legacy-proxy-${hash}`
  const inside = join(directory, 'lock.sock')
  const short = Buffer.byteLength(inside) <= longestPathBytes
  return short ? inside : join(tmpdir(), `apns-legacy-proxy-${hash}.sock`)
}

/** Undefined when something is bound there, dead or alive. */
async function bind(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => {
      // Whoever asked has gone.
    })
    socket.destroy()
  })
  try {
    server.listen(path)
    await once(server, 'listening')
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') return undefined
    throw error
  }
  server.on('error', () => {
    // A failed accept does not loosen the lock.
  })
  return server.unref()
}

/** A socket whose process was killed is still there, and refuses. */
async function isAlive(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    return !['ECONNREFUSED', 'ENOENT'].includes(codeOf(error) ?? '')
  } finally {
    socket.on('error', () => {
      // The answer is known.
    })
    socket.destroy()
  }
}

/**
 * Takes a dead socket out of the way. Two processes may try at once, and the second may catch the
 * new socket of the first: it then puts it back, and false says so.
 */
async function clearAway(path: string): Promise<boolean> {
  const aside = `${path}.${randomUUID().slice(0, 8)}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true
    throw error
  }
  const alive = await isAlive(aside)
  if (alive) linkSync(aside, path)
  rmSync(aside)
  return !alive
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
