/** Runs suites, some at a time, each in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Processes at a time: more than processors, because many tests wait. */
const processes = 4
/** For a whole suite, ms: each wait within it ends by itself long before. */
const timeout = 30 * 60_000
const program = fileURLToPath(new URL('process.ts', import.meta.url))

/** @param names of suites, the longest first */
export function runSuites(names: Iterable<string>): void {
  t.jobs = processes
  t.setTimeout(2 * timeout)
  for (const name of names)
    void t.test(name, { buffered: true, timeout }, async (t) => {
      // Not by t.spawn: what it loads into a process, and into each command that a test starts,
      // doubles the time.
      const child = spawn(
        process.execPath,
        ['--enable-source-maps', '--import', 'tsx', program, name],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      t.teardown(() => child.kill('SIGKILL'))
      const began = performance.now()
      const ended = once(child, 'exit')
      await t.stdin('tests', { tapStream: child.stdout, timeout })
      const [code] = (await ended) as unknown[]
      t.equal(code, 0, 'its process ends well')
      // On a terminal, tap's reporter shows how far the run is.
      if (!process.stderr.isTTY)
        console.error(`${t.passing() ? 'green' : 'red  '} ${name} ${seconds(began)} s`)
    })
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0)
}
