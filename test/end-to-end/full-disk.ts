/** A full disk and kill -9 together: what is lost is what delivery.md says, and no more. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startSimulator, type ReceivedNotification } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { until } from '../fixtures/condition.ts'
import { fillDisk, makeDisk } from '../fixtures/disk.ts'
import { folder } from '../fixtures/folder.ts'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { deliveries, lostAndDoubled, pushes } from '../fixtures/ledger.ts'
import { startProxyApart, untilCounts, type ProxyApart } from '../fixtures/proxy-apart.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

/** Nobody listens there, so the proxy owns everything that it has read. */
const nowhere = 'https://127.0.0.1:9'
/** As many as the proxy decodes at a time. */
const oneRead = 128
const filler = 'x'.repeat(1000)

/** More than the reserved end of the journal and the buffers of the kernel hold. */
function bigPushes(): Push[] {
  return pushes(20_000).map((push) => ({ ...push, payload: JSON.stringify({ aps: {}, filler }) }))
}

async function start(t: Test, config: string): Promise<ProxyApart> {
  const proxy = await startProxyApart(config)
  t.teardown(() => proxy.end('SIGKILL'))
  return proxy
}

async function isJournalHealthy({ adminPort }: ProxyApart): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
  return /^apns_legacy_proxy_journal_healthy 1$/m.test(await response.text())
}

t.test('kill -9 on a full disk loses the read that found it full, and nothing else', async (t) => {
  const dataDirectory = makeDisk(t, '16m')
  if (dataDirectory === undefined) return
  const received: ReceivedNotification[] = []
  const simulator = await startSimulator(
    { tls: server, onNotification: (notification) => received.push(notification) },
    { clock: systemClock },
  )
  t.teardown(() => simulator.stop())
  const sender = await pushCertificate('com.example.app')
  const directory = folder(t)
  const configure = (production: string): string =>
    writeConfiguration(directory, sender, simulator.origin, { production, file: { dataDirectory } })

  const proxy = await start(t, configure(nowhere))
  const ballast = join(dataDirectory, 'ballast')
  fillDisk(ballast)
  const sent = bigPushes()
  const socket = await dial({ port: proxy.port, sender })
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await until(async () => !(await isJournalHealthy(proxy)))

  const full = await proxy.counts()
  t.ok(full.received < sent.length, `${full.received} of ${sent.length} were read`)
  const late = await dial({ port: proxy.port, sender })
  late.write(enhanced(1, { token: 'ff'.repeat(32), payload: '{}' }))
  await until(() => socket.writableLength > 0 && late.writableLength === 0)
  t.notOk(await isJournalHealthy(proxy))
  t.equal((await proxy.counts()).received, full.received, 'no sender is read any more')
  t.equal(full.owned, full.received)

  await proxy.end('SIGKILL')
  rmSync(ballast)
  const next = await start(t, configure(simulator.origin))
  await untilCounts(next, ({ owned }) => owned === 0)
  const delivered = deliveries({ received }).size
  const lost = full.received - delivered
  t.ok(lost > 0 && lost <= oneRead, `${lost} lost`)
  t.strictSame(lostAndDoubled({ received }, sent.slice(0, delivered)), { lost: 0, doubled: 0 })
})
