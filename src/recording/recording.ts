/** One connection being recorded: its records in order, each written as soon as it is masked. */
import { formatRecord, type CapturedRecord } from '../capture/capture.ts'
import type { Mask } from '../capture/mask.ts'
import type { Clock } from '../clock.ts'

/** The direction that carries tokens, and what hides them. */
export interface MaskedSide {
  readonly from: CapturedRecord['from']
  readonly mask: Mask
}

/** Keeps no more than the field that is still on its way, and the records that it lies in. */
export class Recording {
  readonly #masked: MaskedSide | undefined
  readonly #clock: Clock
  readonly #write: (lines: string) => boolean
  readonly #startedAtMs: number
  #pending: CapturedRecord[] = []
  #isOver = false

  /** @param write takes whole lines; false = it wants no more */
  constructor(masked: MaskedSide | undefined, clock: Clock, write: (lines: string) => boolean) {
    this.#masked = masked
    this.#clock = clock
    this.#write = write
    this.#startedAtMs = clock.now()
  }

  /** What one side has written; the bytes remain the caller's. */
  note(from: CapturedRecord['from'], chunk: Uint8Array): void {
    if (this.#isOver || chunk.length === 0) return
    const bytes = Buffer.from(chunk)
    const offsetMs = Math.max(0, Math.round(this.#clock.now() - this.#startedAtMs))
    this.#pending.push({ from, offsetMs, bytes })
    if (from === this.#masked?.from) this.#masked.mask.apply(bytes)
    this.#flush(this.#ready())
  }

  /** The connection is over: writes what is pending. */
  end(): void {
    if (this.#isOver) return
    this.#masked?.mask.end()
    this.#flush(this.#pending.length)
    this.#isOver = true
  }

  /** Writes nothing more. */
  abandon(): void {
    this.#isOver = true
    this.#pending = []
  }

  /** How many of the pending records stand before the field that cannot be masked yet. */
  #ready(): number {
    let open = this.#masked?.mask.pendingChunks ?? 0
    let ready = this.#pending.length
    while (open > 0 && ready > 0) if (this.#pending[--ready]?.from === this.#masked?.from) open--
    return ready
  }

  #flush(count: number): void {
    const records = this.#pending.splice(0, count)
    if (records.length > 0 && !this.#write(records.map(formatRecord).join(''))) this.abandon()
  }
}
