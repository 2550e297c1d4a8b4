/** The output of a command that can be longer than memory. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/**
 * A reader that closes the pipe early, such as `head`, or a terminal that is gone, is no failure: the
 * command goes on without output. Any other fault of standard output is told on standard error.
 */
export function surviveClosedOutput(): void {
  process.stderr.on('error', () => undefined)
  process.stdout.on('error', (error: Error & { code?: string }) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') return
    void import('./command-error.ts').then(({ fail }) =>
      fail(new Error('standard output', { cause: error })),
    )
  })
}

/** Prints as fast as the reader reads. A reader that closes the pipe early is no failure. */
export async function printText(text: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(text), process.stdout, { end: false })
  } catch (error) {
    // An error of standard output has been told.
    if (!(error instanceof Error && 'syscall' in error && error.syscall === 'write')) throw error
  }
}
