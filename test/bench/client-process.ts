/** Clients of the provider API in processes of their own: each does tasks and says what they took. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ClientName, Effort, Task } from './client/client.ts'
import { expiration, tokens, topic } from './notification.ts'
import { ask, folder, startFile, startProgram, stop, unlessEnded } from './process.ts'
import type { Setting } from './setting.ts'

/** One that is ready to send. */
export interface ClientProcess {
  perform(task: Task): Promise<Effort>
  stop(): Promise<void>
}

/** Starts a client that runs on Node. */
export async function startNodeClient(
  name: ClientName,
  setting: Setting,
  port: number,
): Promise<ClientProcess> {
  const child = startFile('client/client.ts')
  await ask(child, { name, target: { port, ...setting } })
  return {
    perform: async (task) => (await ask(child, task)) as Effort,
    stop: () => stop(child),
  }
}

/** Builds the client in Go; the program, or undefined where it cannot be built, which is said. */
export function buildGoClient(): string | undefined {
  const program = join(folder, 'go-apns2')
  try {
    execFileSync('go', ['build', '-buildvcs=false', '-o', program], {
      cwd: fileURLToPath(new URL('client/go-apns2', import.meta.url)),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return program
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    console.error(
      `the client in Go is left out; install Go, and let it fetch its modules: ${reason}`,
    )
    return undefined
  }
}

/** Starts what {@link buildGoClient} has built: a line for each question and each answer. */
export async function startGoClient(
  program: string,
  { authority, push }: Setting,
  port: number,
): Promise<ClientProcess> {
  const child = startProgram(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new TypeError('its input and output are pipes')
  const answers = createInterface(stdout)
  const ask = async (question: object): Promise<unknown> => {
    stdin.write(`${JSON.stringify(question)}\n`)
    const [line] = (await unlessEnded(child, once(answers, 'line'))) as [string]
    return JSON.parse(line)
  }
  await ask({ port, topic, tokens, expiration, authority, push })
  return {
    perform: async (task) => (await ask(task)) as Effort,
    stop: () => stop(child),
  }
}
