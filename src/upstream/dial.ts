/** Opens sockets to the provider API: name resolution, TLS, and a proxy if configured. */
import { lookup, type LookupAddress } from 'node:dns'
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net'
import {
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  rootCertificates,
  type SecureContext,
} from 'node:tls'
import type { SessionTarget } from './session.ts'
import { openTunnel, TunnelRefusal } from './tunnel.ts'

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
  const address = { host, port, lookup: spread(target.random) }
  if (target.proxy === undefined) {
    dialler.dialled(options ? connectTls({ ...address, ...options }) : connectTcp(address))
    return () => undefined
  }
  const giveUp = new AbortController()
  const destination = { ...address, authorities: authoritiesOf(target) }
  openTunnel(target.proxy, destination, giveUp.signal).then(
    (socket) => dialler.dialled(options ? connectTls({ ...options, host, socket }) : socket),
    (error: unknown) => dialler.failed(`the proxy${tunnelFault(error)}`),
  )
  return () => giveUp.abort()
}

function tunnelFault(error: unknown): string {
  if (error instanceof TunnelRefusal) return ` ${error.message}`
  return `: ${error instanceof Error ? describe(error) : String(error)}`
}

function addressOf(origin: string): { host: string; port: number; tls: boolean } {
  const { protocol, hostname, port } = new URL(origin)
  const tls = protocol === 'https:'
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (tls ? 443 : 80)), tls }
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
  const { certificate } = target
  const authorities = authoritiesOf(target)
  const context =
    contexts.get(target) ??
    createSecureContext({
      ...(certificate && { cert: certificate.certificatePem, key: certificate.keyPem }),
      ...(authorities && { ca: authorities }),
    })
  contexts.set(target, context)
  return context
}

/** Undefined: the roots of Node, which it has read already. */
function authoritiesOf({ certificateAuthority }: SessionTarget): string[] | undefined {
  return certificateAuthority === undefined
    ? undefined
    : [...rootCertificates, certificateAuthority]
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
