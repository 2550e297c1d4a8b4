/** Connects to a host through a proxy: HTTP, HTTPS or SOCKS5. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect, isIP, type LookupFunction, type Socket } from 'node:net'

/** Where a tunnel leads. */
export interface Destination {
  /** A name, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** Resolves the name, if this machine has to. */
  readonly lookup: LookupFunction
  /** PEM. The CAs that an HTTPS proxy is verified with; undefined: those of Node. */
  readonly authorities: readonly string[] | undefined
}

/** The proxy has answered, and opens no tunnel. The message is "what; cure". Radius: this attempt. */
export class TunnelRefusal extends Error {
  override readonly name = 'TunnelRefusal'
}

type Tunnel = (proxy: URL, destination: Destination, signal: AbortSignal) => Promise<Socket>

/** The kinds of proxies, by the scheme of their address. */
const kinds: Readonly<Record<string, { readonly open: Tunnel; readonly defaultPort: number }>> = {
  'http:': { open: throughHttp, defaultPort: 80 },
  'https:': { open: throughHttp, defaultPort: 443 },
  'socks5:': { open: throughSocks, defaultPort: 1080 },
  'socks5h:': { open: throughSocks, defaultPort: 1080 },
}

/**
 * Answers a socket that is connected to the destination.
 * @param proxy `scheme://[user:password@]host:port`
 * @throws {TunnelRefusal} and errors of the system
 */
export async function openTunnel(
  proxy: string,
  destination: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  const url = new URL(proxy)
  const kind = kinds[url.protocol]
  assert(kind !== undefined, 'the configuration allows no other scheme')
  const socket = await kind.open(url, destination, signal)
  socket.on('error', () => {
    // A `close` follows, which is handled.
  })
  if (signal.aborted) socket.destroy()
  signal.throwIfAborted()
  return socket
}

function addressOf({ protocol, hostname, port }: URL): { host: string; port: number } {
  const host = hostname.replace(/^\[|\]$/g, '')
  return { host, port: Number(port || kinds[protocol]?.defaultPort) }
}

const credentialFault = (scheme: string): string =>
  `asks for credentials, or rejects them; set ${scheme}//user:password@… in providerApi.proxy`
const notAllowed = 'does not allow it; let it pass CONNECT to port 443 or 2197 of the provider API'
const unreachable = 'cannot reach the provider API itself; check its own firewall and its DNS'

/** — source: RFC 9110, 9.3.6 */
function throughHttp(
  proxy: URL,
  { host, port, authorities }: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  const at = addressOf(proxy)
  const authority = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
  const options = {
    ...at,
    method: 'CONNECT',
    path: authority,
    agent: false,
    headers: { host: authority, ...authorization(proxy) },
    signal,
  } as const
  const verified = {
    // Without it, Node would expect the name of the destination.
    servername: isIP(at.host) === 0 ? at.host : '',
    rejectUnauthorized: true,
    ...(authorities && { ca: [...authorities] }),
  }
  return new Promise((resolve, reject) => {
    const connecting =
      proxy.protocol === 'https:' ? requestTls({ ...options, ...verified }) : request(options)
    connecting.on('connect', ({ statusCode = 0 }, socket: Socket) => {
      if (statusCode === 200) resolve(socket)
      else {
        socket.on('error', () => undefined).destroy()
        reject(new TunnelRefusal(`answers ${statusCode}: ${refusalOf(statusCode, proxy)}`))
      }
    })
    connecting.on('error', reject)
    connecting.end()
  })
}

/** What the proxy does, by its status if it opens no tunnel, and the remedy. */
function refusalOf(status: number, { protocol }: URL): string {
  if (status === 401 || status === 407) return credentialFault(protocol)
  if (status === 403) return notAllowed
  return [500, 502, 503, 504].includes(status) ? unreachable : 'it refuses to connect'
}

function credentialsOf({ username, password }: URL): { userId: string; password: string } {
  return { userId: decodeURIComponent(username), password: decodeURIComponent(password) }
}

/** — source: RFC 7617 */
function authorization(proxy: URL): Record<string, string> {
  const { userId, password } = credentialsOf(proxy)
  if (userId === '') return {}
  const credentials = Buffer.from(`${userId}:${password}`).toString('base64')
  return { 'proxy-authorization': `Basic ${credentials}` }
}

/** With socks5h the proxy resolves the name, with socks5 this machine. — source: RFC 1928, RFC 1929 */
async function throughSocks(
  proxy: URL,
  { host, port, lookup }: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  // Loaded only where it is used.
  const { SocksClient, SocksClientError } = await import('socks')
  const named = proxy.protocol === 'socks5h:' ? host : await resolved(host, lookup)
  const at = addressOf(proxy)
  const socket = connect({ ...at, signal })
  await once(socket, 'connect')
  try {
    await SocksClient.createConnection({
      proxy: { ...at, type: 5, ...credentialsOf(proxy) },
      command: 'connect',
      destination: { host: named, port },
      existing_socket: socket,
    })
  } catch (error) {
    if (!(error instanceof SocksClientError)) throw error
    const [, refusal] = socksRefusals.find(([pattern]) => pattern.test(error.message)) ?? []
    throw refusal === undefined ? error : new TunnelRefusal(`${refusal} (${error.message})`)
  }
  return socket
}

/** What the proxy does, by the text of `socks`, and the remedy. */
const socksRefusals: readonly (readonly [RegExp, string])[] = [
  [/authentication/i, credentialFault('socks5h:')],
  [/handshake/i, 'does not speak SOCKS5; correct scheme, host and port in providerApi.proxy'],
  [/NotAllowed/, notAllowed],
  [/rejected/, unreachable],
]

function resolved(host: string, lookup: LookupFunction): Promise<string> {
  return new Promise((resolve, reject) => {
    lookup(host, {}, (error, address) => {
      if (error === null && typeof address === 'string') resolve(address)
      else
        reject(
          new TunnelRefusal(`needs an address (${error?.message ?? host}); use socks5h:// instead`),
        )
    })
  })
}
