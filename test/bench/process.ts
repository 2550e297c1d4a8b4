/** The processes and the folder of a benchmark, none of which outlives it. */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Issued } from '../../src/credentials/authority.ts'
import { pathOf } from './built.ts'

const children = new Set<ChildProcess>()

/** For certificates, configuration and journal. */
export const folder = mkdtempSync(join(tmpdir(), 'apns-legacy-proxy-bench-'))

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => process.exit(code))

/** The simulated provider API. */
export interface ProviderApi {
  readonly origin: string
  /** CPU time that it has used. */
  cpuSeconds(): Promise<number>
}

/** Starts it with this certificate. */
export async function startProviderApi(tls: Issued): Promise<ProviderApi> {
  const child = fork(pathOf('test/bench/provider-api.ts'))
  keep(child)
  const ask = async (question: object): Promise<unknown> => {
    child.send(question)
    const [answer] = (await Promise.race([once(child, 'message'), failure(child)])) as unknown[]
    return answer
  }
  return {
    origin: String(await ask(tls)),
    cpuSeconds: async () => Number(await ask({})),
  }
}

/** A gateway as it runs in production. */
export interface Gateway {
  readonly port: number
  readonly adminPort: number
  stop(): Promise<void>
}

interface ReadyLine {
  readonly event: string
  readonly listeners: readonly [{ readonly port: number }]
  readonly admin: { readonly port: number }
}

/** `node dist/cli.js serve --config …` */
export async function startGateway(config: string): Promise<Gateway> {
  const child = spawn(process.execPath, [pathOf('dist/cli.js'), 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  keep(child)
  const ready = new Promise<ReadyLine>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const event = JSON.parse(line) as ReadyLine
      if (event.event === 'proxy.ready') resolve(event)
    })
  })
  const { listeners, admin } = await Promise.race([ready, failure(child)])
  return {
    port: listeners[0].port,
    adminPort: admin.port,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

function keep(child: ChildProcess): void {
  children.add(child)
  child.on('exit', () => children.delete(child))
}

async function failure(child: ChildProcess): Promise<never> {
  await once(child, 'exit')
  throw new Error(`${child.spawnargs.slice(1, 3).join(' ')} ended with ${String(child.exitCode)}`)
}
