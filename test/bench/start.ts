/** How long commands take to start, beside a Node program that does nothing, in turns. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathOf } from './built.ts'
import { folder, startProgram } from './process.ts'
import { showProgress } from './report.ts'

/** One command. */
export interface Start {
  readonly name: string
  /** Of all rounds, ascending, ms. */
  readonly times: readonly number[]
  /** Of this in its time, which is not its start, ms. */
  readonly waitingMs: number
}

const rounds = 15
/** The silence that `send` takes for success, unless told otherwise. */
const silenceMs = 1000

/** From the start of the process to its end. The first is the yardstick. */
export async function measureStarts(): Promise<readonly Start[]> {
  const checkout = join(folder, 'checkout')
  mkdirSync(checkout)
  cpSync(pathOf('dist'), join(checkout, 'dist'), { recursive: true })
  cpSync(pathOf('package.json'), join(checkout, 'package.json'))
  symlinkSync(pathOf('node_modules'), join(checkout, 'node_modules'))
  const printed = await firstPrintedCommand(checkout)
  const program = join(checkout, 'dist/cli.js')
  const send = printed.slice(printed.indexOf('send'))
  const commands = [
    { name: 'node -e 0', args: ['-e', '0'], waitingMs: 0 },
    { name: '--version', args: [program, '--version'], waitingMs: 0 },
    { name: 'send --help', args: [program, 'send', '--help'], waitingMs: 0 },
    { name: 'send, to its answer', args: [program, ...send], waitingMs: silenceMs },
  ]
  const times = new Map<string, number[]>(commands.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    showProgress('commands start', round / rounds)
    for (const { name, args } of commands) {
      const startedAtMs = performance.now()
      execFileSync(process.execPath, args, { cwd: checkout, stdio: 'ignore' })
      times.get(name)?.push(performance.now() - startedAtMs)
    }
  }
  return commands.map(({ name, waitingMs }) => ({
    name,
    waitingMs,
    times: (times.get(name) ?? []).sort((one, other) => one - other),
  }))
}

/** Starts a rehearsal, and reads the first command that it prints, as words. */
async function firstPrintedCommand(cwd: string): Promise<string[]> {
  const rehearsal = startProgram(process.execPath, ['dist/cli.js', 'serve'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (rehearsal.stderr === null) throw new Error('a rehearsal prints on stderr')
  for await (const line of createInterface(rehearsal.stderr))
    if (line.includes('dist/cli.js send')) return line.trim().split(' ')
  throw new Error('the rehearsal ended and printed no command')
}
