/**
 * Room on the disk, taken before it is needed. lmdb-js overruns its own buffer when a write fails
 * and takes the process with it, so it may only write where zeros have been written before: a full
 * disk is met here, where it is an ordinary error.
 * — source: lmdb-js 3.5.6, mdb_page_flush in dependencies/lmdb/libraries/liblmdb/mdb.c; measured on
 * a full tmpfs. File systems that never write in place (btrfs, zfs) can still surprise.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { usedBytes } from './lmdb-file.ts'

const stepBytes = 4 * 1024 * 1024
const zeros = Buffer.alloc(1024 * 1024)

/** The spare end of a data file. */
export class FileRoom {
  readonly #file: FileHandle
  #size: number
  /** Known to be free, in bytes; there may be more. */
  #spare = 0

  private constructor(file: FileHandle, size: number) {
    this.#file = file
    this.#size = size
  }

  /** @param path an LMDB data file that exists */
  static async open(path: string): Promise<FileRoom> {
    const file = await open(path, 'r+')
    return new FileRoom(file, (await file.stat()).size)
  }

  /**
   * Makes sure that `bytes` can be written beyond what is in use. Not to be called while a
   * transaction is under way.
   * @throws the system's error when the disk is full
   */
  async take(bytes: number): Promise<void> {
    if (this.#spare < bytes) await this.#find(bytes)
    this.#spare -= bytes
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #find(bytes: number): Promise<void> {
    const used = usedBytes(this.#file.fd)
    const needed = used + bytes
    try {
      if (this.#size < needed) await this.#growTo(needed + stepBytes)
    } catch (error) {
      if (this.#size < needed) throw error
    }
    this.#spare = this.#size - used
  }

  async #growTo(size: number): Promise<void> {
    while (this.#size < size) {
      const length = Math.min(zeros.length, size - this.#size)
      this.#size += (await this.#file.write(zeros, 0, length, this.#size)).bytesWritten
    }
  }
}
