/** Set-ups of routes with which APNs has accepted a notification, in LMDB. */
import type { Database } from 'lmdb'
import type { Writer } from './lmdb-writer.ts'
import type { ProofStore } from './store.ts'

export function lmdbProofs(
  table: Database<Buffer, string>,
  writer: Pick<Writer, 'writeSoon'>,
): ProofStore {
  return {
    has: (route, setup) => Promise.resolve(table.get(route)?.toString() === setup),
    keep: (route, setup) => {
      const bytes = Buffer.from(setup)
      writer.writeSoon({ bytes: bytes.length, write: () => table.putSync(route, bytes) })
    },
  }
}
