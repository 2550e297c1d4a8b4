/** How fast the decoder is by itself. */
import type { Command } from '../../src/binary/notification.ts'
import { built } from './built.ts'
import { notificationEncoder, payloadOf } from './notification.ts'
import { showProgress } from './report.ts'

/** What was measured of one command. */
export interface DecoderResult {
  readonly command: Command
  readonly framesPerSecond: number
  readonly microseconds: number
  readonly bytesPerFrame: number
}

const framesPerPass = 50_000
const chunkBytes = 64 * 1024
const warmUpPasses = 5
const passes = 15

/** All three commands. */
export async function benchDecoder(): Promise<DecoderResult[]> {
  const results: DecoderResult[] = []
  for (const command of [0, 1, 2] as const) {
    showProgress(`decoder, command ${command}`)
    results.push(await benchCommand(command))
  }
  return results
}

/** Decodes the same stream again and again, in chunks of 64 KiB; the median of the passes counts. */
async function benchCommand(command: Command): Promise<DecoderResult> {
  const encode = await notificationEncoder(command)
  const frames = Array.from({ length: framesPerPass }, (_, n) => encode(n, payloadOf(n)))
  const bytes = Buffer.concat(frames)
  const chunks = chunksOf(bytes)
  const { Decoder } = await built('binary/decoder')
  const pass = (): number => {
    const decoder = new Decoder(4096)
    let frames = 0
    const startMs = performance.now()
    for (const chunk of chunks) {
      decoder.receive(chunk)
      while (decoder.next() !== undefined) frames++
    }
    const elapsedMs = performance.now() - startMs
    decoder.end()
    if (frames !== framesPerPass) throw new Error(`decoded ${frames} frames of ${framesPerPass}`)
    return elapsedMs
  }
  for (let n = 0; n < warmUpPasses; n++) pass()
  const times = Array.from({ length: passes }, pass).sort((a, b) => a - b)
  const medianMs = times[passes >> 1] ?? NaN
  return {
    command,
    framesPerSecond: (framesPerPass / medianMs) * 1000,
    microseconds: (medianMs / framesPerPass) * 1000,
    bytesPerFrame: bytes.length / framesPerPass,
  }
}

/** Cut where a sender's buffer is full, mostly inside a message. */
function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes)
    chunks.push(bytes.subarray(at, at + chunkBytes))
  return chunks
}
