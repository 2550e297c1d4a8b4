/** What CI runs on every version of Node that people install. */
import { runSuites } from './run.ts'
import { unitSuites } from './suites.ts'

runSuites([
  'test/end-to-end/delivery.ts',
  'test/end-to-end/npm-clients.ts',
  'test/end-to-end/newcomer.ts',
  ...unitSuites.keys(),
])
