/** What a command reads: a file, or standard input where the path is `-`. */
import { fstatSync, type Stats } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'

/** @throws the system's error, with the path in its message */
export function readInput(path: string): Promise<Buffer> {
  return path === '-' ? buffer(process.stdin) : readFile(path)
}

/** What is too long to be read at once. */
export interface Input {
  readonly chunks: AsyncIterable<Buffer>
  /** Undefined where it ends when it ends. */
  readonly totalBytes: number | undefined
}

/** @throws the system's error, with the path in its message */
export async function openInput(path: string): Promise<Input> {
  const sizeOf = (stats: Stats): number | undefined => (stats.isFile() ? stats.size : undefined)
  if (path === '-') return { chunks: process.stdin, totalBytes: sizeOf(fstatSync(0)) }
  const file = await open(path)
  return { chunks: file.createReadStream(), totalBytes: sizeOf(await file.stat()) }
}
