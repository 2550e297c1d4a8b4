/** Opens the told tokens of a store for reading only, while a proxy uses the store or none does. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import { isLocked } from './directory-lock.ts'
import { inspectLmdbFile } from './lmdb-file.ts'
import { readToldTable } from './lmdb-told.ts'
import { inPublic } from './redis-address.ts'
import { faultOf, redisDialler, type RedisAccess } from './redis-dialler.ts'
import { redisKeys } from './redis-key.ts'
import { readToldStream } from './redis-told.ts'
import { StoreError, type ToldStore } from './store.ts'

export interface ToldReader extends Pick<ToldStore, 'read'> {
  close(): Promise<void> | void
}

const connectTimeoutMs = 5000

/**
 * @returns undefined if the directory has no store
 * @throws {StoreError} if LMDB cannot read the file, and the system's error if this user may not
 */
export async function openToldDirectory(directory: string): Promise<ToldReader | undefined> {
  const path = join(directory, 'data.mdb')
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  // A running proxy has checked its file, and changes it while others read.
  const isInUse = await isLocked(directory)
  const file = isInUse ? undefined : inspectLmdbFile(path, 'format')
  if (file?.state === 'foreign') throw new StoreError('foreign', directory)
  if (file?.state === 'damaged') throw new StoreError('damaged', directory, file.detail)
  const root = open<Buffer, string>(directory, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'ordered-binary',
    readOnly: true,
  })
  // Undefined in a store of an earlier version.
  const table = hasTable(root.openDB<Buffer, number>('told', { encoding: 'binary' }))
  return {
    read: (range) => readToldTable(table, range),
    close: () => root.close(),
  }
}

/** @throws Error that says how to reach Redis */
export async function openToldStream(access: RedisAccess): Promise<ToldReader> {
  const { address } = access
  const place = inPublic(address)
  try {
    const signal = AbortSignal.timeout(connectTimeoutMs)
    const connection = await redisDialler(access)(() => undefined, signal)
    return {
      read: (range) => readToldStream(connection, redisKeys(address.prefix)('told'), range),
      close: () => connection.destroy(),
    }
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    const unreachable = `Redis at ${place} cannot be reached (${error.message}); start it, or correct store`
    throw faultOf(error, place) ?? new Error(unreachable, { cause })
  }
}

/** The types of lmdb do not say that a table can be missing. */
function hasTable<T>(table: T): T | undefined {
  return table
}
