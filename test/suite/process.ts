/**
 * One suite, or one file below `test/`, in this process, named on the command line: all files are
 * loaded, then their tests run.
 */
import t from 'tap'
import { integrationSuites, suiteNames, unitSuites } from './suites.ts'

const [name = ''] = process.argv.slice(2)
const file = /^(?:.*\/)?test\/(.*\.ts)$/.exec(name)?.[1]
const files = file === undefined ? (unitSuites.get(name) ?? integrationSuites.get(name)) : [file]
if (files === undefined)
  throw new Error(`Name a file, as in test/relay/lane.ts, or a suite: ${suiteNames.join(', ')}`)
// By default tap ends a process after 30 s. Each wait of a test ends by itself.
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
