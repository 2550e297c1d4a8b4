/** Loads the part of a configuration that selects the store. */
import { readFileSync } from 'node:fs'
import { loadCertificates } from '../credentials/credential.ts'
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
  const password = file && attempt('storePasswordFile', () => firstLine(file))
  return {
    kind: 'redis',
    address: { ...address, password: password ?? address.password },
    certificateAuthority:
      authority && attempt('storeCertificateAuthority', () => certificatesIn(authority)),
  }
}

function firstLine(file: string): string {
  const [line = ''] = readFileSync(file, 'utf8').split(/\r?\n/)
  if (line === '')
    throw new RangeError(`the first line of ${file} is empty; write the password there`)
  return line
}

/** All certificates of a file, as PEM. */
export function certificatesIn(file: string): string {
  return loadCertificates(file)
    .map(({ pem }) => pem)
    .join('')
}
