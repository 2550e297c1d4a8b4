/**
 * Runs one suite, or one file below `test/`, in this process: loads all its files, then runs their
 * tests. The command line names it.
 */
import { existsSync } from 'node:fs'
import t from 'tap'
import { integrationSuites, suiteNames, unitSuites } from './suites.ts'

const [name = ''] = process.argv.slice(2)
const file = /^(?:.*\/)?test\/(.*\.ts)$/.exec(name)?.[1]
const isMissing = file !== undefined && !existsSync(new URL(`../${file}`, import.meta.url))
const suite = unitSuites.get(name) ?? integrationSuites.get(name)
const files = file === undefined ? suite : [file]
if (files === undefined || isMissing) {
  const found = name === '' ? '' : `There is no test file and no suite ${name}. `
  console.error(
    `${found}Name a file, as in test/relay/lane.ts, or a suite: ${suiteNames.join(', ')}`,
  )
  process.exit(1)
}
// By default tap ends a process after 30 s. Each test limits its own waits.
t.setTimeout(25 * 60_000)
const isUnit = [...unitSuites.values()].some((units) => files.every((one) => units.includes(one)))
if (isUnit) await import('../fixtures/no-socket.ts')

await t.test(`${name} can be loaded`, async (t) => {
  for (const file of files)
    try {
      await import(`../${file}`)
    } catch (error) {
      t.error(error, file)
    }
})
