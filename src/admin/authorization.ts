/** Decides who may use the admin port. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** `foreign-host`: the Host header has a name that may belong to somebody else. */
export type Authorization = 'authorized' | 'no-token' | 'foreign-host'

export interface AuthorizationRules {
  /** Host to which the port is bound. */
  readonly host: string
  /** Undefined: anybody who reaches the port may use it, under a name of this machine. */
  readonly token: string | undefined
}

/**
 * Programs send the token as `Authorization: Bearer`, browsers as the password of any user. Without a
 * token, the Host header must name this machine. Otherwise, another web page could let its own name
 * resolve to this address, and read the answers (DNS rebinding).
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

/** Takes the same time wherever the texts differ. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

function isOwnName(host: string | undefined, bound: string): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false
  const name = new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(name) > 0 || name === 'localhost' || name === bound.toLowerCase()
}
