/** What stands for Apple: nghttpd where there is one, since it is fast, else the simulator. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../fixtures/port.ts'
import { tokens } from './notification.ts'
import { ask, folder, startFile, startProgram, stop, unlessEnded } from './process.ts'
import { write, type Setting } from './setting.ts'

/** An HTTP/2 server on localhost that answers 200 to all {@link tokens}. */
export interface Upstream {
  readonly name: string
  readonly isNghttpd: boolean
  readonly port: number
  stop(): Promise<void>
}

/** The simulator, which can do more. */
export interface SimulatedUpstream extends Upstream {
  /** Microseconds from the time in each payload to its arrival, since the last call. */
  lags(): Promise<number[]>
}

const streams = 1000

/** The fastest there is. */
export async function startUpstream(setting: Setting): Promise<Upstream> {
  const version = versionOf('nghttpd')
  return version === undefined ? startSimulatedUpstream(setting) : startNghttpd(setting, version)
}

/** What the product brings along, and says when each notification arrived. */
export async function startSimulatedUpstream({ server }: Setting): Promise<SimulatedUpstream> {
  const child = startFile('simulator.ts')
  return {
    name: 'the simulator',
    isNghttpd: false,
    port: Number(await ask(child, { tls: server, streams })),
    lags: async () => (await ask(child, {})) as number[],
    stop: () => stop(child),
  }
}

/** @param delayMs from request to answer */
export async function startLateUpstream({ server }: Setting, delayMs: number): Promise<Upstream> {
  const child = startFile('late.ts')
  return {
    name: `${delayMs} ms`,
    isNghttpd: false,
    port: Number(await ask(child, { tls: server, delayMs, streams })),
    stop: () => stop(child),
  }
}

/** The first line that a program says of its version; undefined when it is not there. */
export function versionOf(program: string): string | undefined {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0]
  } catch {
    return undefined
  }
}

/** It serves files: an empty one for each token makes a POST to its path a 200. */
async function startNghttpd({ server }: Setting, name: string): Promise<Upstream> {
  for (const token of tokens) write(`htdocs/3/device/${token}`, '')
  const port = await freePort()
  const files = [write('upstream.key', server.keyPem), write('upstream.pem', server.certificatePem)]
  const args = ['-a', '127.0.0.1', '-m', String(streams), '-d', join(folder, 'htdocs')]
  const child = startProgram('nghttpd', [...args, String(port), ...files], { stdio: 'ignore' })
  await unlessEnded(child, untilListening(port))
  return { name, isNghttpd: true, port, stop: () => stop(child) }
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const listening = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (listening) return
    await pause(20)
  }
}
