/** Begins a run of all tests: builds what is not built, and forgets what the last run logged. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
execFileSync(process.execPath, ['src/build.mjs'], { cwd: root, stdio: 'inherit' })
rmSync(`${root}.tap/audit`, { recursive: true, force: true })
