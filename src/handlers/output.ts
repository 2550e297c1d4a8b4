/** Standard output of a command that may print much, or into a pipe that closes early. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Prints as the reader takes it; a reader that has seen enough is no failure. */
export async function printText(text: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(text), process.stdout, { end: false })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
}
