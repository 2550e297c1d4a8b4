/** The last lines of `npm test`: which tests were skipped, and what to install for them. */
import { existsSync, readFileSync } from 'node:fs'
import { skippedFile } from '../fixtures/tool.ts'

const missing = existsSync(skippedFile) ? readFileSync(skippedFile, 'utf8').trim().split('\n') : []
for (const line of new Set(missing)) console.log(`Skipped tests: ${line}`)
