/** Header blocks: put together from HEADERS and CONTINUATION, and decoded. */
import { ConnectionError, Flag, type Frame } from './frame.ts'
import { contentOf } from './frame-reader.ts'
import type { HeaderField } from './header-field.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { HpackError } from './hpack-error.ts'

/** The size of our HPACK table, which is the default. — source: RFC 9113, 6.5.2 */
const headerTableBytes = 4096

/** An answer of APNs has 100 bytes of headers. */
export const longestHeaderListBytes = 16 * 1024

/** What a header block may take in HEADERS and CONTINUATION together, bytes. */
const longestBlockBytes = 32 * 1024

/** One block, whole; a list that is too long is cut off behind what matters. */
export interface HeaderBlock {
  readonly streamId: number
  readonly endStream: boolean
  readonly fields: readonly HeaderField[]
}

interface OpenBlock {
  readonly streamId: number
  readonly endStream: boolean
  readonly bytes: Buffer
}

/** Decodes every block of a connection, also of streams that are over: the table is common to all. */
export class BlockReader {
  readonly #decoder = new HpackDecoder({
    maxTableBytes: headerTableBytes,
    maxListBytes: longestHeaderListBytes,
  })
  #open: OpenBlock | undefined

  /** Whether nothing but CONTINUATION may follow. */
  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** Takes HEADERS; the block, where it is whole. @throws {ConnectionError} */
  begin(frame: Frame): HeaderBlock | undefined {
    const { flags, streamId } = frame
    const endStream = (flags & Flag.endStream) !== 0
    const bytes = contentOf(frame)
    if ((flags & Flag.endHeaders) !== 0) return this.#close(streamId, endStream, bytes)
    this.#open = { streamId, endStream, bytes: Buffer.from(bytes) }
    return undefined
  }

  /** Takes CONTINUATION; the block, where it is whole by now. @throws {ConnectionError} */
  continue({ flags, streamId, payload }: Frame): HeaderBlock | undefined {
    const open = this.#open
    if (open?.streamId !== streamId)
      throw new ConnectionError('PROTOCOL_ERROR', 'a CONTINUATION of nothing')
    if (open.bytes.length + payload.length > longestBlockBytes)
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'a header block without end')
    const bytes = Buffer.concat([open.bytes, payload])
    if ((flags & Flag.endHeaders) !== 0) return this.#close(streamId, open.endStream, bytes)
    this.#open = { ...open, bytes }
    return undefined
  }

  #close(streamId: number, endStream: boolean, bytes: Buffer): HeaderBlock {
    this.#open = undefined
    try {
      return { streamId, endStream, fields: this.#decoder.decode(bytes).fields }
    } catch (error) {
      if (!(error instanceof HpackError)) throw error
      throw new ConnectionError('COMPRESSION_ERROR', error.message)
    }
  }
}
