/** What counts as a confirmation. */
import { PassThrough } from 'node:stream'
import t from 'tap'
import { confirmed } from '../../src/handlers/confirmation.ts'

/** What the answer is to these bytes, and what the user has read. */
async function answerTo(typed: string): Promise<readonly [boolean, unknown]> {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = new PassThrough()
  input.end(typed)
  return [await confirmed('Really?', { input, output }), String(output.read())]
}

for (const [typed, isConfirmed] of [
  ['yes\n', true],
  [' yes \n', true],
  ['yes\nno\n', true],
  ['y\n', false],
  ['no\n', false],
  ['\n', false],
  ['', false],
] as const)
  t.test(`${JSON.stringify(typed)}: ${isConfirmed ? 'yes' : 'no'}`, async (t) => {
    t.same(await answerTo(typed), [isConfirmed, 'Really?\nType yes to go on: '])
  })

t.test('without a terminal, nothing is read', async (t) => {
  const input = new PassThrough()
  input.end('yes\n')
  await t.rejects(confirmed('Really?', { input, output: new PassThrough() }), {
    message: 'Really?\nTo confirm without a terminal, add --yes.',
  })
})
