/** What is wrong with a Redis that answers, and what to do about it. */

/** Redis refuses, and will go on refusing. Radius: the process. */
export class RedisFault extends Error {
  override readonly name = 'RedisFault'
}

/** By how the error begins or what its code is. */
const cures: readonly (readonly [RegExp, string])[] = [
  [/^WRONGPASS|^ERR AUTH|invalid password/, 'refuses the user or password of store'],
  [/^NOAUTH/, 'wants a password; give storePasswordFile'],
  [/^NOPERM/, 'does not let its user do what is needed; docs/scaling.md has the ACL rule'],
  [/DB index is out of range/, 'has no database of that number; correct the end of store'],
  [/^ERR unknown command|syntax error/, 'is too old; Redis 6.2, Valkey 7.2 or later is needed'],
  [
    /SELF_SIGNED|UNABLE_TO|CERT_|DEPTH_ZERO|ALTNAME/,
    'shows a certificate that is not trusted; name its CA in storeCertificateAuthority',
  ],
  [/sentinels know no/, 'has no server of the name at the end of store'],
  [
    /cluster support disabled|^MOVED|SELECT is not allowed in cluster/,
    'is one of a cluster; write redis+cluster:// in store, or redis:// if it is not',
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH/, 'does not speak TLS; write redis:// instead of rediss://'],
]

/** @returns undefined for what may go away by itself, as a server that cannot be reached */
export function faultOf(error: Error, address: string): RedisFault | undefined {
  const code = 'code' in error ? String(error.code) : ''
  const [, cure] = cures.find(([sign]) => sign.test(error.message) || sign.test(code)) ?? []
  if (cure === undefined) return undefined
  return new RedisFault(`Redis at ${address} ${cure} (${error.message})`, { cause: error })
}
