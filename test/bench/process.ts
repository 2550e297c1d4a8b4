/** The child processes of a benchmark and its folder, none of which outlives it. */
import { fork, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** For certificates, configurations and journals; see guard.ts. */
export const folder = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-bench-'))

// In a process group of its own, which Ctrl-C does not reach.
const guard = fork(pathOf('guard.ts'), [folder], { detached: true, stdio: 'ignore' })

/** Starts a file of this folder, which answers messages. */
export function startFile(file: string): ChildProcess {
  return kept(fork(pathOf(file)))
}

/** Starts a program. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return kept(spawn(command, args, options))
}

/** Sends a message and waits for the next one that comes back. @throws when the child ends instead */
export async function ask(child: ChildProcess, question: object): Promise<unknown> {
  child.send(question)
  const [answer] = (await unlessEnded(child, once(child, 'message'))) as unknown[]
  return answer
}

/** @throws when the child ends before the promise does */
export async function unlessEnded<T>(child: ChildProcess, promise: Promise<T>): Promise<T> {
  const ended = new AbortController()
  const failure = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error(`${child.spawnargs.slice(0, 3).join(' ')} ended unexpectedly`)
  })
  try {
    return await Promise.race([promise, failure])
  } finally {
    failure.catch(() => undefined)
    ended.abort()
  }
}

/** Ends a child gracefully. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

function kept(child: ChildProcess): ChildProcess {
  const { pid } = child
  child.on('error', (error) => {
    console.error(error.message)
  })
  guard.send({ pid, runs: true })
  child.on('exit', () => guard.send({ pid, runs: false }))
  return child
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
