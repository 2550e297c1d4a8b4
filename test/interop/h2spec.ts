/**
 * The conformance suite of HTTP/2 for clients itself, where it is installed:
 * `go install github.com/summerwind/h2spec/cmd/h2specd@v2.2.1`. Else its cases are those of
 * test/upstream/http2/conformance.ts, written by hand.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePort } from '../fixtures/port.ts'
import { without } from '../fixtures/tool.ts'

const missing = without('h2specd')

t.test('h2spec finds no fault with our session', { skip: missing }, async (t) => {
  const client = fileURLToPath(new URL('../fixtures/apart/h2spec-client.mjs', import.meta.url))
  // Each case has a port of its own, from this one on.
  const suite = spawn(
    'h2specd',
    ['--exec', `${process.execPath} ${client}`, '--from-port', String(await freePort())],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const report = await text(suite.stdout)
  t.match(report, /57 tests, 57 passed, 0 skipped, 0 failed/)
})
