/** The `feedback` command before a whole proxy. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import yargs from 'yargs'
import { commands } from '../../src/commands/command-line.ts'
import { untilIs } from '../fixtures/condition.ts'
import { pushes, settled } from '../fixtures/ledger.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage } from '../fixtures/stage.ts'

const listeners = [
  { kind: 'gateway', host: '127.0.0.1', port: 0 },
  { kind: 'feedback', host: '127.0.0.1', port: 0 },
]

t.test('prints a JSON line for each token that is gone, once', async (t) => {
  const stage = await setStage(t, {
    file: { listeners },
    simulator: { answers: [{ tokenPrefix: '1234', reason: 'Unregistered' }] },
  })
  const [push] = pushes(1)
  if (push === undefined) throw new TypeError('one push')
  const socket = await dial(stage)
  socket.write(enhanced(1, push))
  await settled(stage, 1)
  socket.destroy()
  const path = (name: string): string => join(stage.directory, name)
  writeFileSync(path('pass'), '\n')
  const options = `--port ${stage.feedbackPort} --certificate ${path('push.pem')} --ca ${path('ca.pem')} --server-name localhost`
  const print = async (): Promise<string[]> => {
    const captured = t.capture(console, 'log')
    const parser = yargs(`feedback ${options}`.split(' '))
    await commands.feedback(parser).exitProcess(false).parseAsync()
    return captured().map(({ args }) => String(args[0]))
  }
  const [line, ...more] = (await print()).map((text) => JSON.parse(text) as Record<string, unknown>)
  t.same(more, [])
  t.equal(line?.['token'], push.token)
  t.equal(line?.['time'], new Date(Number(line?.['timestamp']) * 1000).toISOString())
  await untilIs(() => stage.log.count('feedback.read'), 1)
  t.same(await print(), [])
})
