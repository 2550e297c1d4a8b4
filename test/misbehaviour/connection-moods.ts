/** Providers that are in trouble below HTTP/2, or end their connections. */
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import {
  createAuthority,
  issueServerCertificate,
  type Issued,
} from '../../src/credentials/authority.ts'
import { loopbackHosts } from '../fixtures/loopback.ts'
import { authority } from '../fixtures/identity.ts'
import { emptySettings, field, frame } from '../fixtures/raw-peer.ts'
import { first, goaway, ignore, spoiling } from './frame-moods.ts'
import { apnsId, type RawConnection, type RawRequest } from './raw-provider.ts'
import type { ProviderMood } from './run.ts'

const highest = 0x7fffffff
const errorCodes = 14
const noError = 0
const enhanceYourCalm = 11

const goaways: readonly ProviderMood[] = [
  {
    mood: 'GOAWAY at once',
    greeting: emptySettings + goaway(0, noError),
    connections: 5,
    request: ignore,
  },
  { mood: 'GOAWAY before SETTINGS', greeting: goaway(0, noError), request: ignore },
  {
    mood: 'GOAWAY with each error code, one for each connection',
    connections: errorCodes,
    opened: (peer) => peer.write(goaway(0, peer.number - 1)),
    request: ignore,
  },
  spoiling('GOAWAY whose last identifier is too small', () => goaway(0, noError)),
  spoiling(
    'GOAWAY twice, the second with a smaller identifier',
    () => goaway(highest, noError) + goaway(0, noError),
  ),
  spoiling(
    'GOAWAY twice, the second with a larger identifier',
    () => goaway(0, noError) + goaway(highest, noError),
  ),
  spoiling('1,000 GOAWAY', () => goaway(highest, noError).repeat(1000)),
  spoiling('GOAWAY with 16,000 bytes of debug data', () =>
    goaway(0, enhanceYourCalm, JSON.stringify({ reason: 'x'.repeat(16_000) })),
  ),
  spoiling('GOAWAY, and then no answer', () => goaway(highest, noError)),
  {
    mood: 'GOAWAY, and then the answers',
    connections: 5,
    request: (peer, request) => {
      if (peer.requests.length === 1) peer.write(goaway(highest, noError))
      peer.ok(request)
    },
  },
  spoiling('GOAWAY that refuses the certificate', () =>
    goaway(0, noError, JSON.stringify({ reason: 'BadCertificate' })),
  ),
]

const ends: readonly ProviderMood[] = [
  { mood: 'FIN at once', opened: ({ socket }) => socket.end(), connections: 5, request: ignore },
  {
    mood: 'FIN after each answer',
    connections: 5,
    count: 10,
    request: (peer, request) => {
      if (peer.requests.length > 1) return
      peer.ok(request)
      peer.socket.end()
    },
  },
  { mood: 'FIN instead of an answer', connections: 5, request: ({ socket }) => socket.end() },
  {
    mood: 'a reset instead of an answer',
    connections: 5,
    request: ({ socket }) => socket.destroy(),
  },
  spoiling('silence inside the header of a frame', () => '0000'),
  spoiling('silence inside a frame', (id) => frame(1, 5, id, apnsId).slice(0, 30)),
  spoiling('FIN inside a frame', (id) => frame(1, 5, id, apnsId).slice(0, 30)),
  spoiling('garbage instead of a frame', () => '9f3c51e07a2288d416b5'.repeat(100)),
  {
    mood: 'HTTP/1.1 in the TLS connection',
    greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n').toString('hex'),
    request: ignore,
  },
  {
    mood: '500 for the first 20 requests',
    count: 5,
    request: first(20, answer500),
  },
]

function answer500(peer: RawConnection, { streamId }: RawRequest): void {
  peer.write(frame(1, 5, streamId, field(':status', '500') + apnsId))
}

/** Issued when they are first needed. */
const certificates = new Map<string, Promise<Issued>>()

function certificate(
  name: string,
  issue: () => Promise<Issued>,
): () => Promise<SecureContextOptions> {
  return async () => {
    const issued = certificates.get(name) ?? issue()
    certificates.set(name, issued)
    const { certificatePem: cert, keyPem: key } = await issued
    return { cert, key }
  }
}

const now = new Date()
const yearMs = 365 * 24 * 60 * 60 * 1000
const [longAgo, later] = [new Date(now.getTime() - 5 * yearMs), new Date(now.getTime() + yearMs)]
const issueFor = (hosts: readonly string[], when: Date) => (): Promise<Issued> =>
  issueServerCertificate(authority, hosts, when, 'ecdsa')

const handshakes: readonly ProviderMood[] = [
  {
    mood: 'a reset of TCP, 100 times',
    connections: 100,
    plain: (socket) => socket.resetAndDestroy(),
    lines: 450,
  },
  { mood: 'a TLS handshake that stalls', plain: (socket) => socket.resume() },
  { mood: 'a TLS handshake that stalls inside a record', plain: write('16030300ff0200') },
  { mood: 'a TLS alert instead of a handshake', plain: write('15030300020228') },
  { mood: 'garbage instead of TLS', plain: write('9f3c51e07a2288d416b5'.repeat(20)) },
  {
    mood: 'HTTP/1.1 without TLS',
    plain: write(Buffer.from('HTTP/1.1 302 Found\r\n\r\n').toString('hex')),
  },
  { mood: 'HTTP/2 without TLS', plain: write(emptySettings) },
  {
    mood: 'a certificate of another host',
    tls: certificate('host', issueFor(['example.com'], now)),
  },
  {
    mood: 'a certificate that has expired',
    tls: certificate('old', issueFor(loopbackHosts, longAgo)),
  },
  {
    mood: 'a certificate that is not valid yet',
    tls: certificate('new', issueFor(loopbackHosts, later)),
  },
  {
    mood: 'a certificate that signs itself',
    tls: certificate('self', () => createAuthority('127.0.0.1', now)),
  },
  { mood: 'no common protocol in ALPN', alpn: ['http/1.1'] },
  { mood: 'no ALPN', alpn: undefined, request: ignore },
]

/** Writes hexadecimal, and reads on. */
function write(text: string): (socket: Socket) => void {
  return (socket) => {
    socket.resume()
    socket.write(Buffer.from(text.replaceAll(' ', ''), 'hex'))
  }
}

export const connectionMoods: readonly ProviderMood[] = [...goaways, ...ends, ...handshakes]
