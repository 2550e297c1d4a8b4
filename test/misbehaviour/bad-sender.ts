/** What senders that misbehave do to the port of the proxy, with TLS and without it. */
import { connect as connectTcp, type Socket } from 'node:net'
import {
  connect as connectTls,
  createSecureContext,
  type ConnectionOptions,
  type SecureContext,
  type SecureContextOptions as SecureOptions,
  type TLSSocket,
} from 'node:tls'
import { until } from '../fixtures/condition.ts'
import { authority } from '../fixtures/identity.ts'
import { enhanced } from '../fixtures/resender.ts'
import { pushOf, type Scene, type SenderStage } from './scene.ts'

const atATime = 25

/** A TCP connection that writes these bytes, and reads until the proxy closes. */
export async function knock(port: number, ...bytes: readonly Buffer[]): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {
    // The proxy has closed.
  })
  socket.resume()
  for (const each of bytes) socket.write(each)
  await opened(socket, 'connect')
  return socket
}

/** Resolves once the socket is open, or closed. */
async function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      resolve()
    }
    socket.once(event, done)
    socket.once('close', done)
  })
}

/** Resolves once the proxy has closed. @throws Error after a minute */
export function closed(socket: Socket): Promise<void> {
  return until(() => socket.closed)
}

/** Resolves once the proxy has closed its side. @throws Error after a minute */
export function ended(socket: Socket): Promise<void> {
  return until(() => socket.readableEnded || socket.closed)
}

function optionsOf({ certificatePem: cert, keyPem: key }: SenderStage['sender']): SecureOptions {
  return { ca: authority.certificatePem, cert, key, maxVersion: 'TLSv1.2' }
}

/** Made once: to read the certificates takes longer than a handshake. */
const contexts = new WeakMap<SenderStage['sender'], SecureContext>()

function contextOf(sender: SenderStage['sender']): SecureContext {
  const context = contexts.get(sender) ?? createSecureContext(optionsOf(sender))
  contexts.set(sender, context)
  return context
}

/** A TLS connection with the certificate of the bad sender, or other options; its side stays open. */
export async function open(
  { port, sender }: SenderStage,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const halfOpen: object = { allowHalfOpen: true }
  const isOther = 'cert' in options || 'maxVersion' in options
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    servername: 'gateway.push.apple.com',
    ...(isOther ? optionsOf(sender) : { secureContext: contextOf(sender) }),
    ...halfOpen,
    ...options,
  })
  socket.on('error', () => {
    // The proxy has closed.
  })
  await opened(socket, 'secureConnect')
  return socket
}

/** As {@link open}, and what the proxy writes is read. */
export async function openReading(...args: Parameters<typeof open>): Promise<TLSSocket> {
  const socket = await open(...args)
  socket.resume()
  return socket
}

/** Runs this so many times, some at a time. */
export async function repeat(count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atATime, count) }, work))
}

/** Names, all different from those of other moods. */
export function names(mood: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${mood}, own ${index}`)
}

/** Notifications of command 1 with the identifiers from 1 on. */
export function notifications(all: readonly string[]): Buffer {
  return Buffer.concat(all.map((name, index) => enhanced(index + 1, pushOf(name))))
}

/** The bytes of hexadecimal digits. */
export function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex')
}

/** Moves the proxy's clock on, a step at a time, until this holds. */
export async function whileTimePasses(
  scene: Scene,
  stepMs: number,
  holds: () => boolean,
): Promise<void> {
  await until(async () => {
    await scene.proxy.look({ moveMs: stepMs })
    return holds()
  })
}
