/** Writes the records of one connection in order, each as soon as it is masked. */
import { formatRecord, type CapturedRecord } from '../capture/capture.ts'
import type { Mask } from '../capture/mask.ts'
import type { Clock } from '../timing/clock.ts'

/** The direction that contains tokens, and its mask. */
export interface MaskedSide {
  readonly from: CapturedRecord['from']
  readonly mask: Mask
}

/** Stores only the records that contain the incomplete field, and the records after them. */
export class Recording {
  readonly #masked: MaskedSide | undefined
  readonly #clock: Clock
  readonly #write: (lines: string) => boolean
  readonly #startedAtMs: number
  #pending: CapturedRecord[] = []
  #isOver = false

  /** @param write receives complete lines; returns false to stop */
  constructor(masked: MaskedSide | undefined, clock: Clock, write: (lines: string) => boolean) {
    this.#masked = masked
    this.#clock = clock
    this.#write = write
    this.#startedAtMs = clock.now()
  }

  /** Records bytes that one side has written; copies them. */
  add(from: CapturedRecord['from'], chunk: Uint8Array): void {
    if (this.#isOver || chunk.length === 0) return
    const bytes = Buffer.from(chunk)
    const offsetMs = Math.max(0, Math.round(this.#clock.now() - this.#startedAtMs))
    this.#pending.push({ from, offsetMs, bytes })
    if (from === this.#masked?.from) this.#masked.mask.apply(bytes)
    this.#flush(this.#countReady())
  }

  /** Ends the connection: writes all pending records. */
  end(): void {
    if (this.#isOver) return
    this.#masked?.mask.end()
    this.#flush(this.#pending.length)
    this.#isOver = true
  }

  /** Discards pending and further records. */
  stop(): void {
    this.#isOver = true
    this.#pending = []
  }

  /** Pending records before the incomplete field, which cannot be masked yet. */
  #countReady(): number {
    let open = this.#masked?.mask.pendingChunks ?? 0
    let ready = this.#pending.length
    while (open > 0 && ready > 0) if (this.#pending[--ready]?.from === this.#masked?.from) open--
    return ready
  }

  #flush(count: number): void {
    const records = this.#pending.splice(0, count)
    if (records.length > 0 && !this.#write(records.map(formatRecord).join(''))) this.stop()
  }
}
