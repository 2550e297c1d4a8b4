/** pushy 0.4.3 for Java, unmodified: it sends again what stood behind the notification that it is told of. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { untilIs } from '../fixtures/condition.ts'
import {
  badAnswers,
  deliveries,
  lostAndDoubled,
  none,
  pushes,
  settled,
} from '../fixtures/ledger.ts'
import type { Push } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { without } from '../fixtures/tool.ts'

const count = 4000
const passphrase = 'changeit'
const run = promisify(execFile)
const document = readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8')
const program = fileURLToPath(new URL('../fixtures/java-client/Pushy.java', import.meta.url))
const libraries = fileURLToPath(
  new URL('../fixtures/java-client/target/dependency/*', import.meta.url),
)

interface Pushy {
  /** What it has printed so far. */
  readonly lines: readonly string[]
  /** Lets it shut down as its users do; resolves with its exit code and its stderr. */
  shutDown(): Promise<{ readonly code: number | null; readonly complaints: string }>
}

t.test(
  `${count} at once, the 2nd bad, answers after 200 to 250 ms: each good one is delivered once`,
  { skip: without('javac') || without('keytool') || without('openssl') || without('pushy') },
  async (t) => {
    const stage = await setStage(t, {
      apart: true,
      simulator: {
        answers: badAnswers,
        latencyMs: { min: 200, max: 250 },
        maxConcurrentStreams: 500,
      },
    })
    const sent = pushes(count, (index) => index === 1)
    const pushy = await startPushy(t, stage, sent)
    await untilIs(() => deliveries(stage).size, count - 1)
    const { code, complaints } = await pushy.shutDown()
    t.equal(code, 0, code === 0 ? 'its process ends well' : complaints)
    t.same(pushy.lines, [`rejected ${sent[1]?.token ?? ''} INVALID_TOKEN`, 'unsent 0'])
    await settled(stage, count)
    t.same(lostAndDoubled(stage, sent), none)
  },
)

/** Sends all of them at once. */
async function startPushy(t: Test, stage: Stage, sent: readonly Push[]): Promise<Pushy> {
  const { directory, port } = stage
  await writeStores(directory)
  const trust = ['trustStore=truststore.jks', `trustStorePassword=${passphrase}`]
  const child = spawn(
    'java',
    [
      ...trust.map((property) => `-Djavax.net.ssl.${property}`),
      ...['-cp', libraries, program],
      ...[String(port), 'sender.p12', passphrase],
    ],
    { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  const ended = Promise.all([once(child, 'close') as Promise<[number | null]>, text(child.stderr)])
  for (const { token, payload } of sent) child.stdin.write(`${token} ${payload}\n`)
  child.stdin.write('\n')
  return {
    lines,
    async shutDown() {
      child.stdin.end()
      const [[code], complaints] = await ended
      return { code, complaints }
    },
  }
}

/** The sender's certificate, and the trust store that the guide tells Java users to make. */
async function writeStores(cwd: string): Promise<void> {
  const [, importing = ''] = /^keytool (-importcert .*)$/m.exec(document) ?? []
  await run('keytool', importing.split(' '), { cwd })
  const files = ['-in', 'push.pem', '-out', 'sender.p12']
  await run('openssl', ['pkcs12', '-export', ...files, '-passout', `pass:${passphrase}`], { cwd })
}
