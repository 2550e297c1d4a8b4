/**
 * Which test files share a process. A process for each would spend more time on its start than on
 * its tests, and make new certificates each time.
 */
import { readdirSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Folders that hold no tests. */
const apart = ['audit', 'bench', 'fixtures', 'fuzz', 'misbehaviour', 'screenshot', 'suite']

/** Every test file, relative to `test/`, with `/`. */
export const testFiles: readonly string[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll(sep, '/'))
  .filter((path) => path.endsWith('.ts') && !apart.includes(path.split('/')[0] ?? ''))
  .sort()

/**
 * Tests that open a socket or start a process, by suite, the longest first. A folder ends with `/`;
 * a file is in the first suite that names it.
 */
const integration = {
  // Its tests run several at a time, so it is alone.
  instances: ['end-to-end/several-instances.ts'],
  workers: ['end-to-end/workers.ts', 'end-to-end/workers-command.ts'],
  'end-to-end': [
    'end-to-end/bad-input.ts',
    'end-to-end/delivery.ts',
    'end-to-end/limits.ts',
    'end-to-end/memory.ts',
    'end-to-end/misbehaviour.ts',
    'end-to-end/repeat.ts',
    'end-to-end/restart.ts',
    'end-to-end/shutdown.ts',
    'end-to-end/trouble.ts',
  ],
  'command-faults': [
    'commands/closed-output.ts',
    'commands/fault-table.ts',
    'commands/order.ts',
    'commands/printed-commands.ts',
  ],
  commands: ['commands/'],
  guide: [
    'end-to-end/getting-started.ts',
    'end-to-end/newcomer.ts',
    'end-to-end/report.ts',
    'end-to-end/worst-hour.ts',
    'service/',
  ],
  parts: [
    'admin/admin-connections.ts',
    'admin/admin-server.ts',
    'alarms/alarms.ts',
    'alarms/command-hook.ts',
    'alarms/documentation.ts',
    'alarms/webhook.ts',
    'admin/status-stream.ts',
    'admin/metrics.ts',
    'captures/captures.ts',
    'check/alarm-check.ts',
    'check/check.ts',
    'check/probe.ts',
    'check/apns-check.ts',
    'check/apple-network.ts',
    'check/store-check.ts',
    'check/token-check.ts',
    'credentials/authority.ts',
    'gateway/feedback-service.ts',
    'gateway/route-by-sender-key.ts',
    'handlers/reload.ts',
    'log/log.ts',
    'operating.ts',
    'recording/capture-file.ts',
    'recording/recorder.ts',
    'sender/feedback-reader.ts',
    'simulator/provider-stream.ts',
    'simulator/provider-api.ts',
    'simulator/provider-connection.ts',
  ],
  upstream: [
    'interop/',
    'upstream/dial.ts',
    'upstream/http2/conformance.ts',
    'upstream/http2/drill.ts',
    'upstream/http2/hpack-decoder.ts',
    'upstream/http2/hpack-encoder.ts',
    'upstream/http2/http2-session.ts',
    'upstream/http2/protocol-fault.ts',
    'upstream/http2/useless-session.ts',
    'upstream/session.ts',
  ],
  store: ['store/lmdb-store.ts', 'store/redis-store.ts', 'store/told.ts'],
  senders: ['end-to-end/'],
} as const satisfies Readonly<Record<string, readonly string[]>>

function matches(file: string, pattern: string): boolean {
  return pattern.endsWith('/') ? file.startsWith(pattern) : file === pattern
}

function suiteOf(file: string): string | undefined {
  return Object.entries(integration).find(([, patterns]) =>
    patterns.some((pattern) => matches(file, pattern)),
  )?.[0]
}

const integrationFiles = new Map(
  Object.keys(integration).map((name) => [
    name,
    testFiles.filter((file) => suiteOf(file) === name),
  ]),
)

/** No socket, no process, no file outside a temporary folder: whatever is not listed above. */
const units = testFiles.filter((file) => suiteOf(file) === undefined)
const protocol = units.filter((file) => /^(binary|apns|capture|relay)\//.test(file))

/** The files of each suite, by its name. */
export const unitSuites: ReadonlyMap<string, readonly string[]> = new Map([
  ['unit-protocol', protocol],
  ['unit', units.filter((file) => !protocol.includes(file))],
])

/** As {@link unitSuites}. */
export const integrationSuites: ReadonlyMap<string, readonly string[]> = integrationFiles

/** Of all. */
export const suiteNames: readonly string[] = [...integrationSuites.keys(), ...unitSuites.keys()]
