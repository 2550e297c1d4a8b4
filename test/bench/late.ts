/**
 * An upstream that answers 200 to everything, late, and costs next to nothing: it looks at frame
 * headers alone, so that on a long path it is not the upstream that is measured.
 *
 *     frame   length 3 | type 1 | flags 1 | stream 4 | payload      — source: RFC 9113, 4.1
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { Issued } from '../../src/credentials/authority.ts'

interface Task {
  readonly tls: Issued
  readonly delayMs: number
  readonly streams: number
}

const headBytes = 9
const type = { data: 0, headers: 1, settings: 4, ping: 6, windowUpdate: 8 } as const
const flag = { ack: 1, endStream: 1, endHeaders: 4 } as const
/** SETTINGS_MAX_CONCURRENT_STREAMS. — source: RFC 9113, 6.5.2 */
const maxConcurrentStreams = 3
const widestWindow = 2 ** 31 - 1
const firstWindow = 2 ** 16 - 1
/** `:status: 200`, from the static table. — source: RFC 7541, appendix A */
const ok = Buffer.from([0x88])
const prefaceBytes = 24

process.on('disconnect', () => process.exit())
const [{ tls, delayMs, streams }] = (await once(process, 'message')) as [Task]
const server = createServer(
  { cert: tls.certificatePem, key: tls.keyPem, ALPNProtocols: ['h2'] },
  serve,
)
await once(server.listen(0, '127.0.0.1'), 'listening')
process.send?.((server.address() as AddressInfo).port)

function serve(socket: TLSSocket): void {
  socket.on('error', () => undefined)
  const settings = Buffer.alloc(6)
  settings.writeUInt16BE(maxConcurrentStreams)
  settings.writeUInt32BE(streams, 2)
  const window = Buffer.alloc(4)
  window.writeUInt32BE(widestWindow - firstWindow)
  socket.write(
    Buffer.concat([frame(type.settings, 0, 0, settings), frame(type.windowUpdate, 0, 0, window)]),
  )
  let skip = prefaceBytes
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk.subarray(skip)])
    skip = Math.max(0, skip - chunk.length)
    bytes = bytes.subarray(answer(socket, bytes))
  })
}

/** Answers all whole frames and returns where they end; one timer for the streams of one read. */
function answer(socket: TLSSocket, bytes: Buffer): number {
  const answers: Buffer[] = []
  let at = 0
  while (at + headBytes <= bytes.length) {
    const end = at + headBytes + bytes.readUIntBE(at, 3)
    if (end > bytes.length) break
    const [kind, flags] = [bytes[at + 3] ?? 0, bytes[at + 4] ?? 0]
    if (kind <= type.headers && (flags & flag.endStream) !== 0)
      answers.push(
        frame(type.headers, flag.endStream | flag.endHeaders, bytes.readUInt32BE(at + 5), ok),
      )
    else if ((kind === type.settings || kind === type.ping) && (flags & flag.ack) === 0)
      socket.write(
        frame(
          kind,
          flag.ack,
          0,
          kind === type.ping ? bytes.subarray(at + headBytes, end) : Buffer.alloc(0),
        ),
      )
    at = end
  }
  if (answers.length > 0)
    setTimeout(() => {
      socket.write(Buffer.concat(answers))
    }, delayMs)
  return at
}

function frame(kind: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = kind
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
