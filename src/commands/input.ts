/** What a command reads: a file, or standard input where the path is `-`. */
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'

/** @throws the system's error, with the path in its message */
export function readInput(path: string): Promise<Buffer> {
  return path === '-' ? buffer(process.stdin) : readFile(path)
}

/** For `coerce` of a positional: yargs makes an empty string of a lone `-`. */
export function inputPath(path: string): string {
  return path === '' ? '-' : path
}
