/** Preloaded into a process: at its end, writes for how long its event loop stood still at most, ms. */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const resolutionMs = 1
const delay = monitorEventLoopDelay({ resolution: resolutionMs })
// Its start is no stall of its work.
setTimeout(() => delay.enable(), 2000).unref()
process.on('exit', () => {
  const { STALL_FILE: file } = process.env
  if (file !== undefined) writeFileSync(file, String(Math.max(0, delay.max / 1e6 - resolutionMs)))
})
