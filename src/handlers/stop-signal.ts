/** Ctrl-C and SIGTERM: the first asks a command to finish, the second to stop at once. */

/** Resolves at the first signal; `now` runs at the second. */
export function stopSignal(now: () => void): Promise<void> {
  return new Promise((resolve) => {
    let first = true
    const onSignal = (): void => {
      if (first) resolve()
      else now()
      first = false
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
