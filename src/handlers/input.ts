/** The input of a command: a file, or standard input where the path is `-`. */
import { fstatSync, type Stats } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { CommandError, ExitCode } from './exit-code.ts'

/** @throws {CommandError} if there is nothing to read */
export async function readInput(path: string): Promise<Buffer> {
  if (path === '-') return buffer(process.stdin)
  const bytes = await readable(path, readFile(path))
  if (bytes.length > 0) return bytes
  throw empty(path)
}

/**
 * Opens input that may be larger than memory. `totalBytes` is undefined for a pipe.
 * @throws {CommandError} if there is nothing to read
 */
export async function openInput(
  path: string,
): Promise<{ readonly chunks: AsyncIterable<Buffer>; readonly totalBytes: number | undefined }> {
  const sizeOf = (stats: Stats): number | undefined => (stats.isFile() ? stats.size : undefined)
  if (path === '-') return { chunks: process.stdin, totalBytes: sizeOf(fstatSync(0)) }
  const file = await readable(path, open(path))
  const stats = await file.stat()
  if (stats.isDirectory()) await readable(path, file.readFile())
  if (sizeOf(stats) === 0) throw empty(path)
  return { chunks: file.createReadStream(), totalBytes: sizeOf(stats) }
}

/** The error of a folder does not have its path. */
async function readable<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    throw new CommandError(ExitCode.input, path, { cause })
  }
}

function empty(path: string): CommandError {
  return new CommandError(ExitCode.input, `${path}: the file is empty; copy it again`)
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
