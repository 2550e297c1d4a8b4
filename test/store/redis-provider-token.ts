/** Which token a process uses, by what Redis answers. */
import t from 'tap'
import type { Reply } from '../../src/store/redis-dialler.ts'
import { redisKeys } from '../../src/store/redis-key.ts'
import { redisTokens } from '../../src/store/redis-provider-token.ts'

const own = { jwt: 'own', issuedAtMs: 1 }

function agree(reply: Reply | Error): Promise<unknown> {
  const send = (): Promise<Reply> =>
    reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply)
  return redisTokens({ send }, redisKeys('test')).agree('key', own, 0)
}

t.test('the token of another process is used', async (t) => {
  t.strictSame(await agree(Buffer.from('2 a.b.c')), { jwt: 'a.b.c', issuedAtMs: 2 })
})

for (const reply of [null, '', '2', '2 ', 'soon a.b.c', ' a.b.c', new Error('ERR')])
  t.test(`its own, if Redis answers ${String(reply)}`, async (t) => {
    t.strictSame(await agree(reply), own)
  })
