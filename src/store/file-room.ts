/**
 * Room on the disk, taken before it is needed. lmdb-js overruns its own buffer when a write fails
 * and takes the process with it, so it may only write where zeros have been written before: a full
 * disk is met here, where it is an ordinary error.
 * — source: lmdb-js 3.5.6, mdb_page_flush in dependencies/lmdb/libraries/liblmdb/mdb.c; measured on
 * a full tmpfs. File systems that never write in place (btrfs, zfs) can still surprise.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { freeBytes, usedBytes } from './lmdb-file.ts'

const stepBytes = 4 * 1024 * 1024
const reserveBytes = 1024 * 1024
/** So many times what is needed, and LMDB finds it in one piece between the pages in use. */
const plenty = 4
const zeros = Buffer.alloc(1024 * 1024)

/** The spare end of a data file. */
export class FileRoom {
  readonly #fd: number
  #size: number
  /** Known to be free, in bytes; there may be more. */
  #spare = 0

  /** @param path an LMDB data file that exists */
  constructor(path: string) {
    this.#fd = openSync(path, 'r+')
    this.#size = fstatSync(this.#fd).size
  }

  /** Of the data file, with its spare end. */
  get size(): number {
    return this.#size
  }

  /**
   * Makes sure that `bytes` can be written beyond what is in use, and a reserve beyond that. Not to
   * be called while a transaction is under way.
   * @throws the system's error when the disk is full
   */
  take(bytes: number): void {
    this.#demand(bytes + reserveBytes)
    this.#spare -= bytes
  }

  /** As {@link take}, for what will free more than it needs: the reserve is there for it. */
  takeReserve(bytes: number): void {
    this.#demand(bytes)
    this.#spare -= bytes
  }

  close(): void {
    closeSync(this.#fd)
  }

  #demand(bytes: number): void {
    if (this.#spare >= bytes) return
    const used = usedBytes(this.#fd)
    const needed = used + bytes
    try {
      if (this.#size < needed) this.#growTo(needed + stepBytes)
    } catch (error) {
      if (this.#size < needed && freeBytes(this.#fd) < plenty * bytes) throw error
    }
    this.#spare = this.#size - used
  }

  #growTo(size: number): void {
    while (this.#size < size) {
      const length = Math.min(zeros.length, size - this.#size)
      this.#size += writeSync(this.#fd, zeros, 0, length, this.#size)
    }
  }
}
