/** What is mutated, and which unit tests have to notice. */
import { readdirSync } from 'node:fs'

/** The unit tests in a folder below `test/`, those named last at the end. */
const testsIn = (folder, last = []) => [
  ...readdirSync(`test/${folder}`)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
    .filter((name) => !last.includes(name)),
  ...last,
]

/**
 * By name, a folder below `src/`. A mutant is shown first to the test of the same name, then to the
 * others that reach it, in this order, until one fails. A process that takes more processor time
 * than `cpuSeconds`, at least ten times what all the tests need, counts as an endless loop.
 */
export const folders = {
  binary: { tests: () => testsIn('binary'), cpuSeconds: 20 },
  apns: { tests: () => testsIn('apns'), cpuSeconds: 20 },
  relay: {
    tests: () =>
      testsIn('relay', [
        'gateway/connection.ts',
        'gateway/several-processes.ts',
        'relay/contract.ts',
      ]),
    cpuSeconds: 60,
  },
  'upstream/http2': {
    tests: () => [
      ...[
        'connection',
        'frame-reader',
        'frame-writer',
        'hpack',
        'huffman',
        'keep-alive',
        'output',
        'stream-table',
      ].map((name) => `upstream/http2/${name}.ts`),
      'upstream/http2/primitive-reader.ts',
      'upstream/http2/primitive-writer.ts',
    ],
    cpuSeconds: 30,
  },
}
