/** Opens sockets to the provider API: name resolution, TLS, and an HTTP proxy if configured. */
import { lookup, type LookupAddress } from 'node:dns'
import { request } from 'node:http'
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net'
import {
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  rootCertificates,
  type SecureContext,
} from 'node:tls'
import type { SessionTarget } from './session.ts'

/** Exactly one of these is called, once. */
export interface Dialler {
  /** The socket is connecting, or has begun its handshake; it still needs an error listener. */
  readonly dialled: (socket: Socket) => void
  readonly failed: (cause: string) => void
}

/**
 * Opens a socket to a target; without a proxy, calls `dialled` before it returns. Resolves the name
 * each time, and tries its addresses in random order, because APNs balances its load over them.
 * @returns a function that cancels, after which `failed` is called
 * @throws when the credential is invalid and TLS cannot start
 */
export function dial(target: SessionTarget, dialler: Dialler): () => void {
  const { host, port, tls } = addressOf(target.origin)
  const options = tls ? tlsOptions(target, host) : undefined
  if (target.proxy !== undefined)
    return openTunnel(target.proxy, isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`, {
      dialled: (socket) =>
        dialler.dialled(options ? connectTls({ ...options, host, socket }) : socket),
      failed: dialler.failed,
    })
  const address = { host, port, lookup: spread(target.random) }
  dialler.dialled(options ? connectTls({ ...address, ...options }) : connectTcp(address))
  return () => undefined
}

function addressOf(origin: string): { host: string; port: number; tls: boolean } {
  const { protocol, hostname, port } = new URL(origin)
  const tls = protocol === 'https:'
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (tls ? 443 : 80)), tls }
}

/** What the proxy does, by its status if it opens no tunnel, and the remedy. */
const refusals: Readonly<Record<number, string>> = {
  401: 'asks for credentials, or rejects them; set http://user:password@… in providerApi.proxy',
  403: 'does not allow it; let it pass CONNECT to port 443 or 2197 of the provider API',
  407: 'asks for credentials, or rejects them; set http://user:password@… in providerApi.proxy',
  502: 'cannot reach the provider API itself',
  503: 'cannot reach the provider API itself',
  504: 'cannot reach the provider API itself',
}

/**
 * Opens a TCP connection to `authority`, which is `host:port`, through an HTTP proxy.
 * — source: RFC 9110, 9.3.6
 * @param proxy `http://[user:password@]host:port`
 */
function openTunnel(proxy: string, authority: string, dialler: Dialler): () => void {
  const connecting = request({
    ...addressOf(proxy),
    method: 'CONNECT',
    path: authority,
    agent: false,
    headers: { host: authority, ...authorization(new URL(proxy)) },
  })
  connecting.on('connect', ({ statusCode = 0 }, socket: Socket) => {
    socket.on('error', () => {
      // A `close` follows, which is handled.
    })
    if (statusCode === 200) dialler.dialled(socket)
    else {
      socket.destroy()
      const refusal = refusals[statusCode] ?? 'it refuses to connect'
      dialler.failed(`the proxy answers ${statusCode}: ${refusal}`)
    }
  })
  connecting.on('error', (error) => dialler.failed(`the proxy: ${describe(error)}`))
  connecting.end()
  return () => connecting.destroy()
}

/** — source: RFC 7617 */
function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function tlsOptions(target: SessionTarget, host: string): ConnectionOptions {
  return {
    ALPNProtocols: ['h2'],
    secureContext: contextOf(target),
    // NODE_TLS_REJECT_UNAUTHORIZED may not change this: the peer receives keys and device tokens.
    rejectUnauthorized: true,
    ...(isIP(host) === 0 && { servername: host }),
  }
}

/** One for all sessions to a target, because reading the root certificates takes 50 ms. */
const contexts = new WeakMap<SessionTarget, SecureContext>()

function contextOf(target: SessionTarget): SecureContext {
  const { certificate, certificateAuthority } = target
  const context =
    contexts.get(target) ??
    createSecureContext({
      ...(certificate && { cert: certificate.certificatePem, key: certificate.keyPem }),
      ...(certificateAuthority && { ca: [...rootCertificates, certificateAuthority] }),
    })
  contexts.set(target, context)
  return context
}

function spread(random: () => number): LookupFunction {
  return (hostname, options, found) =>
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) found(error, '')
      else if (options.all === true) found(null, shuffled(addresses, random))
      else found(null, shuffled(addresses, random)[0]?.address ?? '')
    })
}

function shuffled(addresses: readonly LookupAddress[], random: () => number): LookupAddress[] {
  return addresses
    .map((address) => ({ address, rank: random() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ address }) => address)
}

/** The message of an error; of a name with several addresses, the message of each. */
export function describe(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(String).join(', ') : error.message
}
