/** Parses the URL of Redis in the configuration. */

/** One server, or the sentinels or cluster nodes that name the current one. */
export interface RedisAddress {
  readonly kind: 'server' | 'sentinel' | 'cluster'
  /** The server; or the sentinels or cluster nodes, to be asked in this order. */
  readonly nodes: readonly RedisNode[]
  readonly tls: boolean
  /** The name of the server at the sentinels. */
  readonly master: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** Starts every key. Proxies with the same prefix share their data. */
  readonly prefix: string
}

export interface RedisNode {
  readonly host: string
  readonly port: number
}

const defaultPrefix = 'apns-legacy-proxy'
const form = /^redis(s)?(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?]+)(\/[^?]*)?(?:\?(.*))?$/
const nodeForm = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i

/** @returns a message about its fault, without any of its text: it can contain a password */
export function parseRedisUrl(url: string): RedisAddress | string {
  const [, secure, way, login, places = '', path = '', query] = form.exec(url) ?? []
  if (places === '') return 'is not of the form redis://host:6379'
  const kind = way === 'sentinel' || way === 'cluster' ? way : 'server'
  const nodes = places.split(',').map((place) => parseNode(place, kind))
  const parts = path.split('/').slice(1)
  const master = kind === 'sentinel' ? (parts.shift() ?? '') : ''
  const database = Number(parts.shift() || 0)
  const prefix = new URLSearchParams(query).get('prefix') ?? defaultPrefix
  const [user, password] = parseLogin(login)
  const known = nodes.filter((node) => node !== undefined)
  if (known.length < nodes.length) return 'has a part that is not host:port'
  if (kind === 'server' && nodes.length > 1)
    return 'names several servers; write redis+sentinel:// or redis+cluster:// for that'
  if (kind === 'sentinel' && master === '')
    return 'needs the name of the server at the sentinels: redis+sentinel://host:26379/mymaster'
  if (!Number.isInteger(database) || database < 0 || parts.length > 0)
    return 'must end in the number of a database, or without one'
  if (kind === 'cluster' && database !== 0) return 'names a database, but a cluster has only one'
  if (!/^[\w.-]+$/.test(prefix)) return 'has a prefix with characters other than A–Z a–z 0–9 . _ -'
  return { kind, nodes: known, tls: secure === 's', master, user, password, database, prefix }
}

/** For logs and messages: without user and password. */
export function inPublic({ kind, nodes, tls, master }: RedisAddress): string {
  const scheme = `redis${tls ? 's' : ''}${kind === 'server' ? '' : `+${kind}`}`
  const places = nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  return `${scheme}://${places.join(',')}${master === '' ? '' : `/${master}`}`
}

function parseNode(place: string, kind: RedisAddress['kind']): RedisNode | undefined {
  const [, inBrackets, name, port] = nodeForm.exec(place) ?? []
  const host = inBrackets ?? name
  if (host === undefined) return undefined
  return { host, port: Number(port ?? (kind === 'sentinel' ? 26_379 : 6379)) }
}

/** A login without a colon is a user name. Its password is in a file. */
function parseLogin(login = ''): [user: string | undefined, password: string | undefined] {
  const colon = login.indexOf(':')
  const part = (text: string): string | undefined =>
    text === '' ? undefined : decodeURIComponent(text)
  return colon < 0
    ? [part(login), undefined]
    : [part(login.slice(0, colon)), part(login.slice(colon + 1))]
}
