/** Looks for every secret that the tests have used in all that they have logged; `npm test` ends so. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditDirectory } from '../fixtures/audit.ts'
import { leaksIn } from '../fixtures/leak.ts'

const [directory = auditDirectory] = process.argv.slice(2)
const credentials = new URL('../fixtures/credentials/', import.meta.url)

function kept(ending: string): string {
  const names = existsSync(directory) ? readdirSync(directory) : []
  return names
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('')
}

const log = kept('.log')
const used = new Set(kept('.secret').split('\n'))
const secrets = [
  ...[...used].filter((hex) => hex !== '').map((hex) => Buffer.from(hex, 'hex')),
  ...['correct-horse', 'Käse€'].map((passphrase) => Buffer.from(passphrase)),
  ...readdirSync(credentials)
    .filter((name) => /\.(key|p8)$/.test(name))
    .map((name) => readFileSync(new URL(name, credentials))),
]
const leaks = leaksIn(log, secrets)
for (const { line, spelling } of leaks.slice(0, 20)) console.error(`${spelling} in ${line}`)
const lines = log.split('\n').length - 1
console.log(`${lines} lines of log, ${secrets.length} secrets, ${leaks.length} leaks`)
process.exitCode = leaks.length === 0 ? 0 : 1
