/** A store in one LMDB file, for a proxy that shares its data directory with no other. */
import { accessSync, chmodSync, constants, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import type { Clock } from '../timing/clock.ts'
import { lockDirectory, type ReleaseLock } from './directory-lock.ts'
import { FileRoom } from './file-room.ts'
import { LmdbFeedback, type FeedbackKey } from './lmdb-feedback.ts'
import { inspectLmdbFile } from './lmdb-file.ts'
import { LmdbJournal } from './lmdb-journal.ts'
import { lmdbProofs } from './lmdb-proofs.ts'
import { LmdbTold } from './lmdb-told.ts'
import { Writer, type Change } from './lmdb-writer.ts'
import { LocalEventLog } from './local-event-log.ts'
import type { StoreEvent } from './store-event.ts'
import { StoreError, type Store } from './store.ts'
import type { ToldLimits } from './told.ts'

export interface LmdbStoreDeps {
  readonly clock: Clock
  readonly told: ToldLimits
  readonly emit: (event: StoreEvent) => void
}

const formatKey = 'format'
const formatName = 'apns-legacy-proxy'
const formatVersion = 1
const firstBytes = 1024 * 1024
/** Kept for removals, which shrink a journal that has filled the disk. */
const reserveBytes = 1024 * 1024

/**
 * Opens or creates the store in `directory`. Creates the directory with mode 0700, its files with
 * 0600.
 *
 * A transaction is in the page cache when it returns, so `kill -9` loses nothing that was put. No
 * transaction waits for the disk: a power cut can lose the last seconds. In the worst case it leaves
 * a damaged file, which the next start reports and the operator has to move away.
 *
 * @throws {StoreError} if the directory cannot be used; then nothing in it has changed
 */
export async function openLmdbStore(directory: string, deps: LmdbStoreDeps): Promise<Store> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    const release = await lockDirectory(directory)
    if (release === undefined) throw new StoreError('in-use', directory)
    try {
      return await openLocked(directory, release, deps)
    } catch (error) {
      await release()
      throw error
    }
  } catch (error) {
    throw error instanceof StoreError ? error : explained(error, directory)
  }
}

async function openLocked(
  directory: string,
  release: ReleaseLock,
  deps: LmdbStoreDeps,
): Promise<Store> {
  const path = join(directory, 'data.mdb')
  const isNew = judge(directory, path)
  if (isNew) probeRoom(directory)
  const root = openRoot(directory)
  // A restored backup may be readable for others.
  for (const name of ['data.mdb', 'lock.mdb']) chmodSync(join(directory, name), 0o600)
  let room: FileRoom | undefined
  try {
    room = new FileRoom(path)
    // An existing store opens on a full disk too, so that its notifications can be sent.
    if (isNew) room.take(firstBytes, reserveBytes)
    if (isNew) root.putSync(formatKey, Buffer.from(`${formatName} ${formatVersion}`))
    return storeIn(root, room, release, deps)
  } catch (error) {
    room?.close()
    await root.close()
    if (!(error instanceof RangeError)) throw error
    throw new StoreError('damaged', directory, error.message)
  }
}

/** @returns whether the store is new */
function judge(directory: string, path: string): boolean {
  const file = inspectLmdbFile(path, formatKey)
  if (file.state === 'new') return true
  if (file.state === 'foreign') throw new StoreError('foreign', directory)
  if (file.state === 'damaged') throw new StoreError('damaged', directory, file.detail)
  const [name, version] = file.value?.toString('latin1').split(' ') ?? []
  if (name !== formatName) throw new StoreError('foreign', directory)
  if (version !== String(formatVersion))
    throw new StoreError('newer', directory, `format ${version ?? 'unknown'}`)
  return false
}

/** LMDB writes its first pages before a {@link FileRoom} can exist, so this tests for room. */
function probeRoom(directory: string): void {
  const path = join(directory, 'room')
  try {
    writeFileSync(path, Buffer.alloc(firstBytes), { mode: 0o600 })
  } finally {
    rmSync(path, { force: true })
  }
}

function openRoot(directory: string): RootDatabase<Buffer, string> {
  const options = {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'ordered-binary',
    // The writer makes its own transactions.
    eventTurnBatching: false,
    noSync: true,
    permissionsMode: 0o600,
  } as const
  return open<Buffer, string>(directory, options)
}

const pageBytes = 4096

/** A change copies up to three pages. The constant part is for LMDB's own lists. */
function roomFor(changes: readonly Change[]): number {
  return changes.reduce((sum, { bytes }) => sum + bytes + 3 * pageBytes, 64 * pageBytes)
}

/** @throws {RangeError} if an entry on the disk is malformed */
function storeIn(
  root: RootDatabase<Buffer, string>,
  room: FileRoom,
  release: ReleaseLock,
  deps: LmdbStoreDeps,
): Store {
  const table = <Key extends number | string | FeedbackKey>(name: string): Database<Buffer, Key> =>
    root.openDB<Buffer, Key>(name, { encoding: 'binary' })
  const committing = (reserve: number) => (changes: readonly Change[]) => {
    room.take(roomFor(changes), reserve)
    root.transactionSync(() => {
      for (const change of changes) change.write()
    })
  }
  const commit = committing(reserveBytes)
  const writer = new Writer({ ...deps, commit, commitRemovals: committing(0) })
  const tables = { entries: table<number>('journal'), settled: table<number>('settled') }
  const journal = new LmdbJournal(tables, writer, deps.clock)
  const told = new LmdbTold(table<number>('told'), writer, deps.told, deps.clock)
  const close = async (): Promise<void> => {
    journal.close()
    writer.close()
    told.close()
    await root.close()
    room.close()
    await release()
  }
  let closed: Promise<void> | undefined
  return {
    journal,
    feedback: new LmdbFeedback(table<FeedbackKey>('feedback'), writer),
    told,
    proofs: lmdbProofs(table<string>('proofs'), writer),
    eventLog: new LocalEventLog(deps.clock),
    get bytes() {
      return room.size
    },
    get isReachable() {
      return writer.healthy
    },
    close: () => (closed ??= close()),
  }
}

const codes: Readonly<Record<string, StoreError['code']>> = {
  EEXIST: 'not-a-directory',
  ENOTDIR: 'not-a-directory',
  EACCES: 'no-permission',
  EPERM: 'no-permission',
  EROFS: 'no-permission',
  ENOSPC: 'no-room',
  EDQUOT: 'no-room',
}

function explained(error: unknown, directory: string): StoreError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new StoreError(codes[code] ?? 'unusable', directory, String(error))
}
