/** What one sender can make the proxy hold, with the provider API taking 1,000 a second. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pushCertificate, server } from '../fixtures/identity.ts'
import { badAnswers } from '../fixtures/ledger.ts'
import { startProxyApart, type Counts, type ProxyApart } from '../fixtures/proxy-apart.ts'
import { dial, enhanced, type Push } from '../fixtures/resender.ts'
import { startSimulatorApart } from '../fixtures/simulator-apart.ts'
import { writeConfiguration } from '../fixtures/stage.ts'

const sender = await pushCertificate('com.example.app')
const million = 1_000_000
const maxEntries = 50_000
const payload = JSON.stringify({ aps: { alert: 'x'.repeat(200) } })

/** What the process may grow by for each notification that it owns, and anyway before it tidies up. */
const kibEach = 2
const kibAnyway = 100 * 1024

async function startApart(t: Test): Promise<ProxyApart> {
  const simulator = await startSimulatorApart(
    {
      tls: server,
      answers: badAnswers,
      latencyMs: { min: 100, max: 100 },
      maxConcurrentStreams: 100,
    },
    () => undefined,
  )
  t.teardown(() => simulator.stop())
  const directory = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-'))
  const config = writeConfiguration(directory, sender, simulator.origin, {
    file: { maxSessions: 1, journal: { maxEntries } },
  })
  const proxy = await startProxyApart(config)
  t.teardown(async () => {
    await proxy.end('SIGKILL')
    rmSync(directory, { recursive: true })
  })
  return proxy
}

interface Blast {
  readonly written: number
  readonly mostOwned: number
  readonly grownKib: number
}

/** Writes as fast as the proxy reads, a million at the most. */
async function blast(
  t: Test,
  { bad, isOver }: { bad: number; isOver: (counts: Counts) => boolean },
): Promise<Blast> {
  const proxy = await startApart(t)
  const socket = await dial({ port: proxy.port, sender }, { deaf: true })
  t.teardown(() => socket.destroy())
  const { rssMiB: before } = await proxy.counts()
  let written = 0
  let mostOwned = 0
  let mostMib = 0
  for (;;) {
    for (; written < million && !socket.writableNeedDrain; written++)
      socket.write(enhanced(written, pushOf(written, written === bad)))
    const counts = await proxy.counts()
    mostOwned = Math.max(mostOwned, counts.owned)
    mostMib = Math.max(mostMib, counts.rssMiB)
    if (written === million || isOver(counts))
      return { written, mostOwned, grownKib: (mostMib - before) * 1024 }
  }
}

function pushOf(number: number, bad: boolean): Push {
  return { token: (bad ? 'bad0' : '1234') + String(number).padStart(60, '0'), payload }
}

/** One connection may own eight times as much as is still free. */
const share = Math.floor((maxEntries * 8) / 9)

for (const [what, bad] of [
  ['a sender that may still be told of an error', -1],
  ['one that was told, and goes on writing', 1],
] as const)
  t.test(`${what}: its share of the journal`, async (t) => {
    const { written, mostOwned, grownKib } = await blast(t, {
      bad,
      isOver: ({ owned }) => owned >= share,
    })
    t.ok(written < 2 * maxEntries, `${written} written: it has to wait`)
    t.ok(mostOwned <= share + 1, `${mostOwned} owned`)
    t.ok(grownKib < kibAnyway + mostOwned * kibEach, `grown by ${grownKib} KiB`)
  })
