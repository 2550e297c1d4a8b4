/** Set-ups of routes with which APNs has accepted a notification, in LMDB. */
import type { Database } from 'lmdb'
import type { Writer } from './lmdb-writer.ts'
import type { ProofStore } from './store.ts'

export class LmdbProofs implements ProofStore {
  readonly #table: Database<Buffer, string>
  readonly #writer: Pick<Writer, 'writeSoon'>

  constructor(table: Database<Buffer, string>, writer: Pick<Writer, 'writeSoon'>) {
    this.#table = table
    this.#writer = writer
  }

  has(route: string, setup: string): Promise<boolean> {
    return Promise.resolve(this.#table.get(route)?.toString() === setup)
  }

  keep(route: string, setup: string): void {
    const bytes = Buffer.from(setup)
    this.#writer.writeSoon({
      bytes: bytes.length,
      write: () => {
        this.#table.putSync(route, bytes)
      },
    })
  }
}
