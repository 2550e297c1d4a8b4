/** Waits for the end of the benchmark, however it comes, then ends its children and its folder. */
import { rmSync } from 'node:fs'

const [, , folder] = process.argv
const pids = new Set<number>()

process.on('message', ({ pid, runs }: { pid?: number; runs: boolean }) => {
  if (pid === undefined) return
  if (runs) pids.add(pid)
  else pids.delete(pid)
})

process.on('disconnect', () => {
  for (const pid of pids) end(pid)
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}
