/** Which store a configuration asks for, and how it is reached. */
import { readFileSync } from 'node:fs'
import { loadCertificates } from '../credentials/credential.ts'
import { parseRedisUrl, type RedisAddress } from '../store/redis-address.ts'
import type { Attempt } from './route.ts'
import type { ConfigurationFile } from './schema.ts'

/** The embedded store in the data directory, or Redis. */
export type StoreConfiguration =
  | { readonly kind: 'lmdb' }
  | {
      readonly kind: 'redis'
      /** With the password: a secret. */
      readonly address: RedisAddress
      /** PEM, instead of the usual roots. */
      readonly certificateAuthority: string | undefined
    }

/** The keys that say so. */
export type StoreEntry = Pick<
  ConfigurationFile,
  'store' | 'storePasswordFile' | 'storeCertificateAuthority'
>

/** Loads what an entry names; undefined when a part of it failed. */
export function loadStore(entry: StoreEntry, attempt: Attempt): StoreConfiguration | undefined {
  const { store, storePasswordFile: passwordFile, storeCertificateAuthority: authority } = entry
  const address = store === 'lmdb' ? undefined : parseRedisUrl(store)
  if (address === undefined) return { kind: 'lmdb' }
  if (typeof address === 'string') return undefined
  const password = passwordFile && attempt('storePasswordFile', () => firstLine(passwordFile))
  return {
    kind: 'redis',
    address: { ...address, password: password ?? address.password },
    certificateAuthority:
      authority && attempt('storeCertificateAuthority', () => certificatesIn(authority)),
  }
}

function firstLine(file: string): string {
  const [line = ''] = readFileSync(file, 'utf8').split(/\r?\n/)
  if (line === '') throw new RangeError(`${file} is empty; write the password into its first line`)
  return line
}

/** All certificates of a file, as PEM. */
export function certificatesIn(file: string): string {
  return loadCertificates(file)
    .map(({ pem }) => pem)
    .join('')
}
