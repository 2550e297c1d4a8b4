/** Runs suites, some at a time, each in a process of its own. */
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Processes at a time: more than processors, because many tests wait. */
const processes = 4
/** For a whole suite, ms: each wait within it ends by itself long before. */
const timeout = 30 * 60_000

/** @param names of suites, the longest first */
export function runSuites(names: Iterable<string>): void {
  const program = fileURLToPath(new URL('process.ts', import.meta.url))
  t.jobs = processes
  t.setTimeout(2 * timeout)
  for (const name of names)
    void t.spawn(
      process.execPath,
      ['--enable-source-maps', '--import', 'tsx', program, name],
      { buffered: true, timeout },
      name,
    )
}
