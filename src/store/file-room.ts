/**
 * Reserves room on the disk before LMDB writes there. If a write fails, lmdb-js overruns its own
 * buffer and crashes the process. So this writes zeros first, where a full disk is an ordinary error.
 * File systems that never write in place (btrfs, zfs) can still run out of room later.
 * — source: lmdb-js 3.5.6, mdb_page_flush in dependencies/lmdb/libraries/liblmdb/mdb.c; measured on
 * a full tmpfs
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { freeBytes, usedBytes } from './lmdb-file.ts'

const stepBytes = 4 * 1024 * 1024
/** With this many times the needed bytes free, LMDB finds enough adjacent pages among those in use. */
const plenty = 4
const zeros = Buffer.alloc(1024 * 1024)

/** Reserves the end of an LMDB data file. */
export class FileRoom {
  readonly #fd: number
  #size: number
  /** Bytes that are known to be free; there can be more. */
  #spare = 0

  /** @param path an existing LMDB data file */
  constructor(path: string) {
    this.#fd = openSync(path, 'r+')
    this.#size = fstatSync(this.#fd).size
  }

  /** Bytes of the data file, including the reserved end. */
  get size(): number {
    return this.#size
  }

  /**
   * Guarantees room for `bytes`, and for a reserve after them. Changes that free more room than they
   * need may do without the reserve. Must not be called during a transaction.
   * @throws the system's error if the disk is full
   */
  take(bytes: number, reserveBytes: number): void {
    const demand = bytes + reserveBytes
    if (this.#spare < demand) {
      const used = usedBytes(this.#fd)
      this.#reach(used + demand, demand)
      this.#spare = this.#size - used
    }
    this.#spare -= bytes
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Grows the file, unless the pages in use have enough free ones between them. */
  #reach(size: number, demand: number): void {
    try {
      if (this.#size < size) this.#growTo(size + stepBytes)
    } catch (error) {
      if (this.#size < size && freeBytes(this.#fd) < plenty * demand) throw error
    }
  }

  #growTo(size: number): void {
    while (this.#size < size) {
      const length = Math.min(zeros.length, size - this.#size)
      this.#size += writeSync(this.#fd, zeros, 0, length, this.#size)
    }
  }
}
