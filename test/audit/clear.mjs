/** Begins a run of all tests: deletes what the last run logged. */
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
rmSync(`${root}.tap/audit`, { recursive: true, force: true })
