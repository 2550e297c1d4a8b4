/** Runs a program of the operator for an alarm. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Writable } from 'node:stream'
import type { Clock } from '../timing/clock.ts'
import { oneLine, type AlarmMessage } from './alarm-message.ts'
import type { Answer } from './alarm-queue.ts'

const timeoutMs = 30_000

/**
 * The message is its standard input, as JSON. Uses no shell.
 * @param command program and arguments
 * @returns `unavailable` if the program cannot be started, `refused` if it fails: a second run could
 * tell somebody twice
 */
export async function run(
  command: readonly string[],
  message: AlarmMessage,
  clock: Clock,
  giveUp: AbortSignal,
): Promise<Answer> {
  const [program = ''] = command
  try {
    const failure = await failureOf(start(command, message, giveUp), message, clock)
    if (failure === undefined) return { outcome: 'accepted' }
    const cause = `${program} ${failure}; its messages are on standard error`
    return { outcome: 'refused', cause }
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    return {
      outcome: 'unavailable',
      cause: `${program} cannot be started (${cause}); correct alarms.command, and let the user that runs the proxy execute it`,
    }
  }
}

type Child = ChildProcessByStdio<Writable, null, null>

function start(
  [program = '', ...args]: readonly string[],
  message: AlarmMessage,
  signal: AbortSignal,
): Child {
  return spawn(program, args, {
    env: environmentFor(message),
    stdio: ['pipe', 'ignore', 'inherit'],
    windowsHide: true,
    killSignal: 'SIGKILL',
    signal,
  })
}

/** Resolves when the program has ended; with undefined if it succeeded. */
function failureOf(child: Child, message: AlarmMessage, clock: Clock): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const cancel = clock.after(timeoutMs, () => {
      isLate = true
      child.kill('SIGKILL')
    })
    child.on('error', (error) => {
      cancel()
      reject(error)
    })
    child.on('exit', (code, signal) => {
      cancel()
      child.stdin.destroy()
      if (isLate) resolve(`was killed after ${timeoutMs / 1000} s`)
      else resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`)
    })
    // A program may end without reading.
    child.stdin.on('error', () => undefined)
    child.stdin.end(JSON.stringify(message))
  })
}

/** No other variable: the environment of the proxy can have secrets. */
function environmentFor(message: AlarmMessage): NodeJS.ProcessEnv {
  const { PATH, HOME, SystemRoot } = process.env
  return {
    ...(PATH !== undefined && { PATH }),
    ...(HOME !== undefined && { HOME }),
    ...(SystemRoot !== undefined && { SystemRoot }),
    APNS_PROXY_EVENT: message.event,
    APNS_PROXY_CODE: message.code,
    APNS_PROXY_SEVERITY: message.severity,
    APNS_PROXY_ROUTE: oneLine(message.route ?? ''),
    APNS_PROXY_TEXT: message.text,
  }
}
