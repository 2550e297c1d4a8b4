/** Each message is described as soon as it is complete, with the record in which it begins. */
import { deepStrictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { parseCapture } from '../../src/capture/capture.ts'
import { StreamDescriber, type DescriberOptions } from '../../src/capture/source-describer.ts'
import type { Description } from '../../src/capture/describe-message.ts'
import { stream } from '../fixtures/decoder-property.ts'
import { describeConnection, describeStream } from '../fixtures/description.ts'
import { hex, token } from '../fixtures/hex.ts'

const plain: DescriberOptions = { service: 'auto', maxPayloadBytes: 40, mask: undefined }

function withoutContext(descriptions: Iterable<Description>): unknown[] {
  return [...descriptions].map((one) => {
    const fault = one['fault'] as Record<string, unknown> | undefined
    return { ...one, ...(fault && { fault: { ...fault, around: undefined } }) }
  })
}

t.test('describes a stream in chunks like the whole stream', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        stream,
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      ),
      fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('sender', 'gateway', undefined),
      (bytes, sizes, from) => {
        const describer = new StreamDescriber(from, plain)
        const told: Description[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          told.push(...describer.receive(bytes.subarray(at, at + size + 1)))
          at += size + 1
        }
        told.push(...describer.end())
        deepStrictEqual(withoutContext(told), withoutContext(describeStream(bytes, from, plain)))
      },
    ),
    { numRuns: 300 },
  )
  t.end()
})

t.test('describes a message as soon as it is complete', (t) => {
  const message = hex(`00 0020 ${token} 0001 31`)
  const describer = new StreamDescriber('sender', plain)
  t.same([...describer.receive(message.subarray(0, -1))], [])
  t.match([...describer.receive(message.subarray(-1))], [{ kind: 'notification', offset: 0 }])
  t.same([...describer.end()], [])
  t.end()
})

t.test('describes both directions of a connection in the order of their records', (t) => {
  const { connections } = parseCapture(
    `connection 4\n> +0 00 0020 ${token}\n> +3 0001 31\n< +9 0807 00000000\n> +12 2a\n`,
  )
  t.match(
    connections.flatMap((connection) => describeConnection(connection, plain)),
    [
      { connection: 4, from: 'sender', record: 1, ms: 0, kind: 'notification', length: 38 },
      { connection: 4, from: 'gateway', record: 3, ms: 9, kind: 'error-response', offset: 0 },
      { connection: 4, from: 'sender', record: 4, ms: 12, kind: 'unreadable', offset: 38 },
    ],
  )
  t.end()
})

/** The captures whose content is not three notifications. */
const others: Readonly<Record<string, readonly string[]>> = {
  'c-openssl-s_client-tls10.capture': ['notification'],
  'java-pushy-0.4.3.capture': ['notification', 'notification', 'notification', 'refused'],
}

t.test('describes every capture in captures/ to its end', (t) => {
  const folder = new URL('../../captures/', import.meta.url)
  const files = readdirSync(folder).filter((name) => name.endsWith('.capture'))
  t.ok(files.length >= 12)
  for (const file of files) {
    const { connections } = parseCapture(readFileSync(new URL(file, folder), 'utf8'))
    t.same(
      connections
        .flatMap((one) => describeConnection(one, { ...plain, maxPayloadBytes: 4096 }))
        .map(({ kind }) => kind),
      others[file] ?? ['notification', 'notification', 'notification'],
      file,
    )
  }
  t.end()
})
