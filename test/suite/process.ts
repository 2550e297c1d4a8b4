/** One suite in this process, named on the command line: all its files are loaded, then their tests run. */
import t from 'tap'
import { integrationSuites, unitSuites } from './suites.ts'

const [name = ''] = process.argv.slice(2)
const files = unitSuites.get(name) ?? integrationSuites.get(name)
if (files === undefined) throw new Error(`no suite is called ${name}`)
if (unitSuites.has(name)) await import('../fixtures/no-socket.ts')

await t.test(`the ${files.length} files of ${name} can be loaded`, async (t) => {
  for (const file of files)
    try {
      await import(`../${file}`)
    } catch (error) {
      t.error(error, file)
    }
})
