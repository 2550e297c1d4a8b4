/** The input of a command: a file, or standard input where the path is `-`. */
import { fstatSync, type Stats } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'

/** @throws the system's error, with the path in its message */
export function readInput(path: string): Promise<Buffer> {
  return path === '-' ? buffer(process.stdin) : readFile(path)
}

/**
 * Opens input that may be larger than memory. `totalBytes` is undefined for a pipe.
 * @throws the system's error, with the path in its message
 */
export async function openInput(
  path: string,
): Promise<{ readonly chunks: AsyncIterable<Buffer>; readonly totalBytes: number | undefined }> {
  const sizeOf = (stats: Stats): number | undefined => (stats.isFile() ? stats.size : undefined)
  if (path === '-') return { chunks: process.stdin, totalBytes: sizeOf(fstatSync(0)) }
  const file = await open(path)
  return { chunks: file.createReadStream(), totalBytes: sizeOf(await file.stat()) }
}

/** What `parse` returns. @throws its Error, with the file in the message */
export function inFile<T>(file: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    const where = file === '-' ? 'standard input' : file
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : 'unreadable'}`, { cause })
  }
}
