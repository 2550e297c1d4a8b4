/** Loads the part of a configuration that selects the store. */
import { certificatesIn } from '../credentials/credential.ts'
import { firstLineIn } from '../credentials/secret-file.ts'
import { parseRedisUrl, type RedisAddress } from '../store/redis-address.ts'
import type { Attempt } from './route.ts'
import type { Parts } from './schema.ts'

/** The embedded store in the data directory, or Redis. */
export type StoreConfiguration =
  | { readonly kind: 'lmdb' }
  | {
      readonly kind: 'redis'
      /** Includes the password: a secret. */
      readonly address: RedisAddress
      /** PEM, trusted instead of Node's roots. */
      readonly certificateAuthority: string | undefined
    }

/** @returns undefined if `store` has mistakes */
export function loadStore(parts: Parts, attempt: Attempt): StoreConfiguration | undefined {
  const { store = '', storePasswordFile: file, storeCertificateAuthority: authority } = parts
  if (store === 'lmdb') return { kind: 'lmdb' }
  const address = parseRedisUrl(store)
  if (typeof address === 'string') return undefined
  const password = file && attempt('storePasswordFile', () => passwordIn(file))
  return {
    kind: 'redis',
    address: { ...address, password: password ?? address.password },
    certificateAuthority:
      authority && attempt('storeCertificateAuthority', () => certificatesIn(authority)),
  }
}

function passwordIn(file: string): string {
  const { text, form } = firstLineIn(file)
  if (text === '')
    throw new RangeError(
      `the first line of ${file} is empty (read as ${form}); write the password there`,
    )
  return text
}
