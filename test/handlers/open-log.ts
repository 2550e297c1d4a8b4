/** The log on standard output: few writes, and no line is lost. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'
import { oncePerTurn } from '../../src/handlers/open-log.ts'

t.test('the lines of one turn are one write, in their order', async (t) => {
  const writes: string[] = []
  const output = oncePerTurn({ write: (text) => writes.push(text) })
  output.write('one\n')
  output.write('two\n')
  t.same(writes, [])
  await new Promise(setImmediate)
  output.write('three\n')
  await new Promise(setImmediate)
  t.same(writes, ['one\ntwo\n', 'three\n'])
})

t.test('a line that is logged right before an exit is written', (t) => {
  const module = resolve(import.meta.dirname, '../../src/handlers/open-log.ts')
  const script = `
    import { openLog } from ${JSON.stringify(module)}
    const log = openLog()
    log.info({ event: 'first' })
    log.info({ event: 'last' })
    process.exit(3)`
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  t.equal(status, 3)
  t.match(stdout, /"first".*\n.*"last".*\n$/)
  t.end()
})
