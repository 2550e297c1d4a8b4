/** The work of `reload` and `stop`: orders to all workers of the running proxy, on their admin ports. */
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { ReloadArguments } from '../commands/reload.ts'
import type { StopArguments } from '../commands/stop.ts'
import { problemFinding, report } from '../check/finding.ts'
import { ConfigError, type ConfigProblem } from '../config/config-error.ts'
import { askAdmin, jsonOf, listenerOf, placesOf, type Listener } from './admin-port.ts'
import { confirmed } from './confirmation.ts'
import { ExitCode } from './exit-code.ts'

const reloaded = z.union([
  z.object({ routes: z.array(z.string()) }),
  z.object({ problems: z.array(z.object({ path: z.string(), message: z.string() })) }),
])
const stopped = z.object({ unsettled: z.number().optional() })
const pollMs = 100

/** Prints what happened, or all problems as `check` does, and sets the exit code. */
export async function reload(args: ReloadArguments): Promise<void> {
  try {
    const listeners = (await placesOf(args)).map(listenerOf)
    const outcomes = await orderAll(listeners, '/api/reload', reloaded)
    for (const outcome of outcomes)
      if ('problems' in outcome)
        throw new ConfigError(args.config ?? 'proxy.yaml', outcome.problems)
    const [first] = outcomes
    const routes = first && 'routes' in first ? first.routes.join(', ') : ''
    console.log(`The proxy has applied the configuration. Its routes are: ${routes}.`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    refuse(error.problems)
  }
}

function refuse(problems: readonly ConfigProblem[]): void {
  process.stdout.write(report(problems.map(problemFinding)))
  console.log('A running proxy keeps its old configuration.')
  process.exitCode = ExitCode.configuration
}

/** Asks, begins the stop, and waits for its end unless told otherwise. */
export async function stop({ wait, yes, ...args }: StopArguments): Promise<void> {
  const listeners = (await placesOf(args)).map(listenerOf)
  const where = listeners.map(({ admin }) => admin).join(', ')
  if (yes !== true && !(await confirmed(`This stops the proxy at ${where}.`))) {
    console.log('Nothing has changed.')
    return
  }
  const path = wait ? '/api/stop' : '/api/stop/begin'
  const answers = await orderAll(listeners, path, stopped)
  if (!wait) {
    console.log('The proxy is stopping.')
    return
  }
  for (const { admin, token } of listeners)
    while ((await askAdmin(admin, token, '/healthz').catch(() => true)) !== undefined)
      await pause(pollMs)
  const left = answers.reduce((sum, { unsettled = 0 }) => sum + unsettled, 0)
  console.log(
    left === 0
      ? 'The proxy has stopped. All notifications are settled.'
      : `The proxy has stopped. Not settled: ${left}. They are in the journal, and the next start sends them.`,
  )
  process.exitCode = left === 0 ? ExitCode.ok : ExitCode.unsettled
}

function orderAll<T>(
  listeners: readonly Listener[],
  path: string,
  shape: z.ZodType<T>,
): Promise<T[]> {
  return Promise.all(listeners.map((listener) => order(listener, path, shape)))
}

async function order<T>({ admin, token }: Listener, path: string, shape: z.ZodType<T>): Promise<T> {
  const response = await askAdmin(admin, token, path, 'POST', 'unlimited')
  if (response === undefined)
    throw new Error(`No proxy answers at ${admin}; start it, or correct --config or --admin`)
  const body = shape.safeParse(await jsonOf(response)).data
  if (body !== undefined) return body
  throw new Error(
    `${admin} answers ${response.status}; a rehearsal cannot be reloaded or stopped by a command: end it with Ctrl-C. Otherwise name ` +
      'the admin listener of a proxy of this version with --admin',
  )
}
