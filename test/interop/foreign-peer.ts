/** The same requests to servers that others have written: what node:http2's client hears, ours does. */
import t, { type Test } from 'tap'
import type { Outcome } from '../../src/apns/outcome.ts'
import { Http2Session } from '../../src/upstream/http2/http2-session.ts'
import { untilAtLeast } from '../fixtures/condition.ts'
import type { Parcel } from '../fixtures/delivery.ts'
import { foreignPeers } from '../fixtures/foreign-peer.ts'
import { authority } from '../fixtures/identity.ts'
import { NodeHttp2Session } from '../fixtures/node-http2-session.ts'
import { openSession, type SessionClass } from '../fixtures/provider-peer.ts'
import { without } from '../fixtures/tool.ts'

const letters = ['aa', 'bb', 'aa', 'cc', 'aa', 'dd', 'aa'] as const

const payload = (bytes: number): Buffer => Buffer.from(`{"aps":{},"x":"${'x'.repeat(bytes - 16)}"}`)
const payloads = [payload(17), payload(100), payload(5120)]

/** What 300 requests of every kind and size, and a session that is drained behind them, come to. */
async function outcomes(t: Test, Session: SessionClass, port: number): Promise<Outcome[]> {
  const opened = openSession(t, Session, `https://127.0.0.1:${port}`, {
    certificateAuthority: authority.certificatePem,
  })
  await opened.ready()
  const parcels: Parcel[] = []
  for (let count = 0; count < 300; count++) {
    await untilAtLeast(() => opened.session.room, 1)
    parcels.push(
      opened.send({
        token: (letters[count % letters.length] ?? 'aa').repeat(32),
        topic: count % 2 === 0 ? 'com.example.app' : 'com.example.other',
        priority: count % 3 === 0 ? 5 : 10,
        payload: payloads[count % payloads.length] ?? payload(17),
      }),
    )
  }
  const outcomes = await Promise.all(parcels.map((parcel) => opened.outcomeOf(parcel)))
  opened.session.drain()
  await opened.closed()
  return outcomes
}

const told: Readonly<Record<string, Outcome>> = {
  aa: { kind: 'delivered' },
  bb: { kind: 'unregistered', reason: 'Unregistered', timestamp: 1_617_148_800 },
  cc: { kind: 'rejected', reason: 'BadDeviceToken', amendment: undefined },
  dd: {
    kind: 'unavailable',
    reason: 'TooManyRequests',
    status: 429,
    retry: 'later',
    retryAfterMs: 7000,
  },
}

for (const { name, tool, start } of foreignPeers)
  t.test(name, { skip: tool !== undefined && without(tool) }, async (t) => {
    const port = await start(t)
    const ours = await outcomes(t, Http2Session, port)
    t.same(ours, await outcomes(t, NodeHttp2Session, port), 'as node:http2 hears it')
    // Its answers are those of a file server.
    const known = name === 'nghttpd' ? ['aa'] : Object.keys(told)
    for (const [index, outcome] of ours.entries()) {
      const kind = letters[index % letters.length] ?? 'aa'
      if (known.includes(kind)) t.same(outcome, told[kind])
    }
  })
