/** Ctrl-C and SIGTERM: the first signal asks a command to finish, the second one ends it at once. */
import type { Logger } from '../log/log.ts'
import { ExitCode } from './exit-code.ts'

/** Emits signals: `process`, or the supervisor of this worker. */
export type SignalSource = Pick<NodeJS.EventEmitter, 'on' | 'off' | 'emit'>

/** Emitted when an operator orders a stop on the admin port. Unlike a signal, a second one ends nothing. */
export const stopOrder = 'stop-order'

/** Resolves at the first signal that `signals` emits; `now` runs at the second. */
export function stopSignal(now: () => void, signals: SignalSource = process): Promise<void> {
  return new Promise((resolve) => {
    let first = true
    const onSignal = (): void => {
      if (first) resolve()
      else now()
      first = false
    }
    signals.on(stopOrder, () => {
      first = false
      resolve()
    })
    signals.on('SIGINT', onSignal)
    signals.on('SIGTERM', onSignal)
  })
}

/** Ends `serve` at the second signal. */
export function endNow(log: Logger): never {
  log.warn(
    { event: 'proxy.killed' },
    'a second signal arrived; unsettled notifications stay in the journal',
  )
  process.exit(ExitCode.failed)
}
