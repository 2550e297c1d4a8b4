/** Senders that misbehave before their first notification. */
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { until } from '../fixtures/condition.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import {
  bytes,
  closed,
  ended,
  knock,
  names,
  notifications,
  open,
  openReading,
  repeat,
  whileTimePasses,
} from './bad-sender.ts'
import type { SenderMood } from './run.ts'
import type { Scene } from './scene.ts'

/** The beginning of a ClientHello of TLS 1.2. */
const half = bytes(`16 0301 0200 01 0001fc 0303 ${'a5'.repeat(32)} 00`)
const ssl2 = bytes(
  `802e 01 0301 0015 0000 0010 00002f 000035 00000a 00c02f 00c030 00009c 00009d ${'a5'.repeat(16)}`,
)
const alerts = bytes('15 0301 0002 0100'.repeat(200))
const http = Buffer.from('GET / HTTP/1.1\r\nHost: push\r\n\r\n')

/** So many connections that write these bytes and wait to be closed. */
function knocking(mood: string, count: number, ...parts: readonly Buffer[]): SenderMood {
  return {
    mood,
    lines: 150 + count,
    play: async ({ bad }) => {
      await repeat(count, async () => closed(await knock(bad.port, ...parts)))
      return []
    },
  }
}

/** So many TLS connections with these options, which the proxy must close without a byte. */
function turnedAway(
  mood: string,
  count: number,
  options: () => Promise<ConnectionOptions>,
): SenderMood {
  return {
    mood,
    lines: 150 + count,
    play: async ({ bad }) => {
      const chosen = await options()
      await repeat(count, async () => {
        const socket = await openReading(bad, chosen)
        socket.write(notifications(names(mood, 1)))
        await ended(socket)
        if (socket.bytesRead > 0 && socket.readableLength > 0)
          throw new Error('it was told something')
        socket.destroy()
      })
      return []
    },
  }
}

/** So many connections at once; the proxy has to close each when its time for a handshake is over. */
function stalling(
  mood: string,
  count: number,
  port: (scene: Scene) => number,
  first: Buffer,
): SenderMood {
  return {
    mood,
    lines: 150 + count,
    play: async (scene) => {
      const sockets: Socket[] = []
      await repeat(count, async () => {
        sockets.push(await knock(port(scene), ...(first.length > 0 ? [first] : [])))
      })
      await whileTimePasses(scene, 500, () => sockets.every((socket) => socket.closed))
      return []
    },
  }
}

const gatewayPort = ({ bad }: Scene): number => bad.port
const balancedPort = (scene: Scene): number => scene.balancedPort

const strangers: readonly SenderMood[] = [
  stalling('200 handshakes that stall', 200, gatewayPort, half),
  stalling('200 connections without a byte', 200, gatewayPort, Buffer.alloc(0)),
  knocking('plain HTTP, 50 times', 50, http),
  knocking('a ClientHello of SSL 2, 50 times', 50, ssl2, half),
  knocking('200 TLS alerts in each of 50 connections', 50, alerts),
  knocking('the binary protocol without TLS', 20, notifications(names('plain', 10))),
  turnedAway('no certificate, 50 times', 50, () =>
    Promise.resolve({ cert: undefined, key: undefined }),
  ),
  turnedAway('an unknown certificate, 50 times', 50, async () => {
    const { certificatePem: cert, keyPem: key } = await pushCertificate('com.example.stranger')
    return { cert, key }
  }),
  turnedAway('an offer of TLS 1.0 only', 20, () =>
    Promise.resolve({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }),
  ),
  turnedAway('an offer of TLS 1.3 only', 20, () =>
    Promise.resolve({ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }),
  ),
]

const balanced: readonly SenderMood[] = [
  ...[
    ['a PROXY header of text that is none', Buffer.from('PROXY TCP9 1.2.3.4 x 1 2\r\n')],
    [
      'a PROXY header with impossible addresses',
      Buffer.from('PROXY TCP4 999.1.1.1 1.1.1.1 99999 0\r\n'),
    ],
    [
      'a PROXY header of version 2 with 65,535 bytes',
      bytes(`0d0a0d0a000d0a515549540a 21 11 ffff ${'00'.repeat(65_535)}`),
    ],
    ['TLS instead of a PROXY header', half],
  ].map(([mood, first]): SenderMood => garbageFor(String(mood), Buffer.from(first ?? ''))),
  stalling(
    'a PROXY header that is not finished, 50 times',
    50,
    balancedPort,
    Buffer.from('PROXY TCP4 1.2'),
  ),
]

function garbageFor(mood: string, first: Buffer): SenderMood {
  return {
    mood,
    play: async (scene) => {
      await repeat(20, async () => closed(await knock(scene.balancedPort, first)))
      return []
    },
  }
}

const unusual: readonly SenderMood[] = [
  {
    mood: 'a ClientHello of single bytes that is never finished',
    play: async (scene) => {
      const socket = await knock(scene.bad.port)
      for (const byte of half) {
        socket.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      await closed(socket)
      return []
    },
  },
  {
    mood: 'renegotiation, 20 times',
    play: async (scene) => {
      const own = names('renegotiation', 1)
      const socket = await openReading(scene.bad)
      socket.write(notifications(own))
      let over = socket.destroyed
      socket.once('close', () => (over = true))
      for (let count = 0; count < 20 && !over; count++) {
        let answered = socket.renegotiate({}, () => (answered = true)) === false
        await until(() => answered || over)
      }
      await scene.delivered(own)
      socket.destroy()
      return own
    },
  },
  {
    mood: 'nonsense in SNI',
    play: async ({ bad }) => {
      const hosts = ['..', 'x'.repeat(255), 'a b', '*', 'gateway.push.apple.com.', '\u0001']
      const own = names('SNI', hosts.length)
      await repeat(hosts.length, async (index) => {
        const socket = await openReading(bad, {
          servername: hosts[index] ?? '',
          checkServerIdentity: () => undefined,
        })
        socket.end(notifications(own.slice(index, index + 1)))
        await closed(socket)
      })
      return own
    },
  },
  {
    mood: 'resumption of one TLS session, 20 times',
    play: async ({ bad }) => {
      const own = names('resumption', 21)
      let session: Buffer | undefined
      for (const name of own) {
        const socket = await open(bad, session === undefined ? {} : { session })
        socket.on('session', (kept: Buffer) => (session = kept))
        socket.resume()
        session ??= socket.getSession()
        socket.end(notifications([name]))
        await closed(socket)
      }
      return own
    },
  },
  {
    mood: '100 connections that end right after the handshake',
    lines: 400,
    play: async ({ bad }) => {
      await repeat(100, async () => {
        const socket = await openReading(bad)
        socket.end()
        await closed(socket)
      })
      return []
    },
  },
]

export const handshakeMoods: readonly SenderMood[] = [...strangers, ...balanced, ...unusual]
