/** The commands of "Rehearse the worst hour" in docs/simulator.md, run as they stand there. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Status } from '../../src/admin/status.ts'
import { checkout, event, runLine, startCommand, type RunningCommand } from '../fixtures/command.ts'
import { until } from '../fixtures/condition.ts'

const document = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8')
const section = /\n## Rehearse the worst hour\n(.*?)\n## /s.exec(document)?.[1] ?? ''
const commands = [...section.matchAll(/^```sh\n(.*?)\n```/gms)].map(([, line = '']) => line)
const [serveInMood = '', sendTen = '', ask = '', serve = '', ...more] = commands

t.test('two of ten are told, eight are held, and are delivered once it is put right', async (t) => {
  t.same(more, [])
  const directory = checkout(t)
  const run = async (line: string): Promise<readonly [RunningCommand, number, number]> => {
    const [node, program, ...args] = line.split(' ')
    t.strictSame([node, program], ['node', 'dist/cli.js'])
    const running = startCommand(t, args, directory, program)
    const { listeners, admin } = (await event(running.output, 'proxy.ready')) as {
      listeners?: { port: number }[]
      admin?: { port: number }
    }
    return [running, listeners?.[0]?.port ?? 0, admin?.port ?? 0]
  }
  const statusAt = async (port: number): Promise<Status> => {
    const { stdout } = await runLine(ask.replace('9195', String(port)), directory)
    return JSON.parse(stdout) as Status
  }

  const [bad, port, admin] = await run(serveInMood)
  const sent = await runLine(sendTen.replace(' send ', ` send --port ${port} `), directory)
  t.equal(sent.stdout.match(/Error response: status 8 \(invalid token\)/g)?.length, 2)
  t.equal(sent.stdout.match(/: accepted\./g)?.length, 8)
  await event(bad.output, 'route.suspected')
  const suspected = await statusAt(admin)
  t.match(suspected, {
    rehearsal: true,
    verdict: { level: 'alarm' },
    routes: [{ suspected: true, owned: 8, settled: { rejected: 2, delivered: 0 } }],
  })
  bad.child.kill('SIGINT')
  await event(bad.output, 'proxy.stopping')
  bad.child.kill('SIGINT')
  await bad.result

  const [good, , goodAdmin] = await run(serve)
  t.match(await event(good.output, 'journal.recovered'), { notifications: 8 })
  await event(good.output, 'route.proven')
  await until(async () => (await statusAt(goodAdmin)).routes[0]?.settled.delivered === 8)
  t.match((await statusAt(goodAdmin)).routes, [{ owned: 0, suspected: false, proven: true }])
  good.child.kill('SIGTERM')
  t.equal((await good.result).code, 0)
})
