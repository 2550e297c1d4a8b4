/** The output of a command that can be longer than memory. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Prints as fast as the reader reads. A reader that closes the pipe early is no failure. */
export async function printText(text: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(text), process.stdout, { end: false })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
}
