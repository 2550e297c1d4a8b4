/**
 * Preloaded into a process: at its end, writes for how long its event loop stood still at most, ms,
 * since it was sent SIGUSR2.
 */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const resolutionMs = 1
const delay = monitorEventLoopDelay({ resolution: resolutionMs })
process.once('SIGUSR2', () => delay.enable())
process.on('exit', () => {
  const { STALL_FILE: file } = process.env
  if (file !== undefined) writeFileSync(file, String(Math.max(0, delay.max / 1e6 - resolutionMs)))
})
