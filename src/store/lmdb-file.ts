/**
 * Checks an LMDB data file before LMDB opens it: the library trusts its file, and a damaged one
 * crashes the process.
 *
 *     page    number 8 | transaction 8 | pad 2 | flags 2 | lower 2, upper 2 (or pages 4) | slots 2 …
 *     meta    magic 4 | version 4 | … | page size @48 | trees @48 and @96 | last page @144
 *             | transaction @152 | boot @160        (offsets in the page)
 *     tree    pad 4 | flags 2 | depth 2 | its pages @8, @16 and @24 | entries @32 | root @40
 *     node    low 2 | high 2 | flags 2 | key size 2 | key | data
 *
 * — source: lmdb-js 3.5, dependencies/lmdb/libraries/liblmdb/mdb.c, data version 2
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { endianness } from 'node:os'

export type LmdbFile =
  /** `new`: there is no file, or its main database has no entry. */
  | { readonly state: 'new' }
  | { readonly state: 'foreign' }
  | { readonly state: 'damaged'; readonly detail: string }
  /** The value is that of the given key in the main database. */
  | { readonly state: 'whole'; readonly value: Buffer | undefined }

const magic = 0xbeefc0de
const dataVersion = 2
const headBytes = 24
const nodeBytes = 8
const firstTreeAt = 48
const mainTreeAt = 96
const noPage = 0xffff_ffff_ffff
const pageFlag = { branch: 1, leaf: 2, overflow: 4, meta: 8, fixedSize: 0x20 } as const
const nodeFlag = { overflow: 1, tree: 2 } as const
const unflushedFlag = 0x1000

/** The layout above is for 64-bit little-endian machines. On others, the file is not checked. */
const readable = endianness() === 'LE' && !['arm', 'ia32'].includes(process.arch)

class Damage extends Error {}

/**
 * Reads every page from the roots to the leaves, and the value of one key.
 * @throws the system's error if the file cannot be read
 */
export function inspectLmdbFile(path: string, key: string): LmdbFile {
  const file = openSync(path, 'a+', 0o600)
  try {
    const bytes = fstatSync(file).size
    if (bytes === 0) return { state: 'new' }
    const head = readAt(file, 0, headBytes + 8)
    if (head.length < headBytes + 8 || head.readUInt32LE(headBytes) !== magic)
      return { state: 'foreign' }
    if (head.readUInt16LE(headBytes + 4) !== dataVersion) return { state: 'foreign' }
    return readable ? inspectTrees(file, bytes, key) : { state: 'whole', value: undefined }
  } catch (error) {
    if (error instanceof Damage) return { state: 'damaged', detail: error.message }
    throw error
  } finally {
    closeSync(file)
  }
}

/** The end of the pages that the newest transaction uses. Bytes after it are unused. 0 = unknown. */
export function usedBytes(file: number): number {
  if (!readable) return 0
  const metas = readMetas(file)
  return pageCountOf(newest(metas)) * metas.pageBytes
}

/**
 * Free bytes between the pages in use, which removals leave: all pages except the two metas and the
 * pages of the trees. Only for a file with few tables, whose main tree is a single page.
 */
export function freeBytes(file: number): number {
  const metas = readMetas(file)
  const { pageBytes } = metas
  const meta = newest(metas)
  const main = readAt(file, rootAt(meta, mainTreeAt) * pageBytes, pageBytes)
  const tables = nodes(main)
    .filter((node) => main.readUInt16LE(node + 4) === nodeFlag.tree)
    .map((node) => treePages(main, node + nodeBytes + main.readUInt16LE(node + 6)))
  const used = tables.reduce((sum, pages) => sum + pages, 2)
  const inUse = used + treePages(meta, firstTreeAt) + treePages(meta, mainTreeAt)
  return (pageCountOf(meta) - inUse) * pageBytes
}

function treePages(page: Buffer, tree: number): number {
  return [8, 16, 24].reduce((sum, at) => sum + page.readUIntLE(tree + at, 6), 0)
}

interface Metas {
  readonly pageBytes: number
  readonly even: Buffer
  readonly odd: Buffer
  /** Describes the last transaction that is known to be on the disk. */
  readonly flushed: Buffer
}

function readMetas(file: number): Metas {
  const pageBytes = readAt(file, firstTreeAt, 4).readUInt32LE(0)
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0)
    throw new Damage(`page size ${pageBytes}`)
  const even = readAt(file, 0, 2 * pageBytes)
  if (even.length < 2 * pageBytes) throw new Damage('cut off in its head')
  return { pageBytes, even, flushed: even.subarray(pageBytes / 2), odd: even.subarray(pageBytes) }
}

function pageCountOf(meta: Buffer): number {
  return meta.readUIntLE(144, 6) + 1
}

function transactionOf(meta: Buffer): bigint {
  return meta.readBigUInt64LE(152)
}

function newest({ even, odd }: Metas): Buffer {
  return transactionOf(even) >= transactionOf(odd) ? even : odd
}

/** The state that LMDB will open: after a power cut, the last flushed one. */
function current(metas: Metas): Buffer {
  const latest = newest(metas)
  const isFlushed = (latest.readUInt16LE(firstTreeAt + 4) & unflushedFlag) === 0
  if (isFlushed || latest.readBigInt64LE(160) === bootId()) return latest
  if (transactionOf(metas.flushed) > 0n) return metas.flushed
  return latest === metas.even ? metas.odd : metas.even
}

function bootId(): bigint | undefined {
  try {
    const [digits] = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').split('-')
    return digits === undefined ? undefined : BigInt(`0x${digits}`)
  } catch {
    return undefined
  }
}

function inspectTrees(file: number, bytes: number, key: string): LmdbFile {
  const metas = readMetas(file)
  const meta = current(metas)
  const trees = new Trees(file, metas.pageBytes, Math.floor(bytes / metas.pageBytes))
  trees.walk(rootAt(meta, firstTreeAt))
  let value: Buffer | undefined
  trees.walk(rootAt(meta, mainTreeAt), (name, data) => {
    if (name === key) value = data
  })
  return rootAt(meta, mainTreeAt) === noPage ? { state: 'new' } : { state: 'whole', value }
}

function rootAt(page: Buffer, tree: number): number {
  return page.readUIntLE(tree + 40, 6)
}

/** Walks trees page by page, and throws {@link Damage} at any inconsistency. */
class Trees {
  readonly #file: number
  readonly #pageBytes: number
  readonly #pageCount: number
  #visited = 0

  constructor(file: number, pageBytes: number, pageCount: number) {
    this.#file = file
    this.#pageBytes = pageBytes
    this.#pageCount = pageCount
  }

  /** @param found receives the small entries of this tree, without those of trees in it */
  walk(root: number, found?: (key: string, data: Buffer) => void): void {
    const pending = root === noPage ? [] : [root]
    for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
      const page = this.#page(number)
      const flags = page.readUInt16LE(18)
      if ((flags & pageFlag.branch) !== 0)
        for (const node of nodes(page)) pending.push(page.readUIntLE(node, 6))
      else if ((flags & pageFlag.leaf) === 0) throw new Damage(`page ${number} is not of a tree`)
      else if ((flags & pageFlag.fixedSize) === 0)
        for (const node of nodes(page)) this.#leaf(page, node, found)
    }
  }

  #leaf(page: Buffer, node: number, found?: (key: string, data: Buffer) => void): void {
    const flags = page.readUInt16LE(node + 4)
    const dataAt = node + nodeBytes + page.readUInt16LE(node + 6)
    const size = page.readUInt32LE(node)
    const overflows = (flags & nodeFlag.overflow) !== 0
    const end = dataAt + (overflows ? headBytes : size)
    if (end > page.length) throw new Damage(`an entry leaves page ${page.readUIntLE(0, 6)}`)
    const data = page.subarray(dataAt, end)
    if (overflows) this.#overflow(data.readUIntLE(0, 6), data.readUIntLE(16, 6), size)
    else if (flags === nodeFlag.tree) this.walk(rootAt(data, 0))
    else if (flags === 0) found?.(page.toString('latin1', node + nodeBytes, dataAt), data)
  }

  #overflow(number: number, pages: number, size: number): void {
    const isInFile = number >= 2 && number + pages <= this.#pageCount
    const fits = headBytes + size <= pages * this.#pageBytes
    const head = readAt(this.#file, isInFile ? number * this.#pageBytes : 0, headBytes)
    const isHead = head.readUIntLE(0, 6) === number && head.readUInt32LE(20) === pages
    const isOverflow = (head.readUInt16LE(18) & pageFlag.overflow) !== 0
    if (!isInFile || !fits || !isHead || !isOverflow)
      throw new Damage(`a value is missing at page ${number}`)
  }

  #page(number: number): Buffer {
    if (number < 2 || number >= this.#pageCount) throw new Damage(`page ${number} is missing`)
    if (++this.#visited > this.#pageCount) throw new Damage('its pages run in a circle')
    const page = readAt(this.#file, number * this.#pageBytes, this.#pageBytes)
    if (page.length < this.#pageBytes || page.readUIntLE(0, 6) !== number)
      throw new Damage(`page ${number} is overwritten`)
    return page
  }
}

/** The offsets of the nodes in a page. */
function nodes(page: Buffer): number[] {
  const lower = page.readUInt16LE(20)
  const upper = page.readUInt16LE(22)
  const room = page.length - headBytes
  if (lower > upper || upper > room || lower % 2 !== 0)
    throw new Damage(`page ${page.readUIntLE(0, 6)} is overwritten`)
  return Array.from({ length: lower / 2 }, (_, index) => {
    const at = page.readUInt16LE(headBytes + 2 * index)
    if (at < upper || at + nodeBytes > room)
      throw new Damage(`page ${page.readUIntLE(0, 6)} is overwritten`)
    return headBytes + at
  })
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, position))
}
