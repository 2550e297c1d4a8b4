/** Who may look at the administrator's port. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** `foreign-host`: a name that somebody else may have pointed at this machine. */
export type Authorization = 'authorized' | 'no-token' | 'foreign-host'

/** What decides. */
export interface AuthorizationRules {
  /** What the port is bound to. */
  readonly host: string
  /** Undefined: whoever reaches the port may look, by an address or name that only it can have. */
  readonly token: string | undefined
}

/**
 * The token comes as `Authorization: Bearer`, or from a browser as the password of any user. Without
 * one, a request has to name this machine in its Host header: a web page elsewhere that had its own
 * name resolved to this address would otherwise be read as if it were this one (DNS rebinding).
 */
export function authorize(
  { authorization, host }: IncomingHttpHeaders,
  rules: AuthorizationRules,
): Authorization {
  if (rules.token !== undefined)
    return isSame(presented(authorization), rules.token) ? 'authorized' : 'no-token'
  return isOwnName(host, rules.host) ? 'authorized' : 'foreign-host'
}

function presented(authorization = ''): string {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(authorization) ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic') return ''
  const credentials = Buffer.from(value, 'base64').toString()
  return credentials.slice(credentials.indexOf(':') + 1)
}

/** In a time that does not depend on where they differ. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

function isOwnName(host: string | undefined, bound: string): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false
  const name = new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(name) > 0 || name === 'localhost' || name === bound.toLowerCase()
}
