/** What a running proxy says of itself while APNs takes nothing, and afterwards. */
import t from 'tap'
import { AcceleratedClock } from '../fixtures/accelerated-clock.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage } from '../fixtures/stage.ts'

/** One notification with command 2, for a token of its own. */
function push(number: number): string {
  const hex = number.toString(16).padStart(8, '0')
  return `02 0000002f 01 0020 ${hex.repeat(8)} 02 0002 7b7d 03 0004 ${hex}`
}

t.test('a route that APNs throttles: page, probe, metric and log say so', async (t) => {
  const answers = [{ tokenPrefix: '', reason: 'TooManyRequests' }] as const
  const clock = new AcceleratedClock(50)
  const stage = await setStage(t, { clock, simulator: { answers } })
  const sender = await RawSender.open(t, stage)
  for (let number = 1; number <= 30; number++) sender.write(push(number))
  const appeared = await stage.log.find('problem.appeared')
  t.match(appeared, { level: 'error', code: 'throttled', route: 'app', cure: String })

  const ask = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${stage.adminPort}${path}`, { headers: { connection: 'close' } })
  const probe = await ask('/readyz')
  t.equal(probe.status, 200)
  t.match(await probe.json(), {
    ready: true,
    degraded: true,
    problems: [{ code: 'throttled', route: 'app' }],
  })
  const status = await (await ask('/api/status')).json()
  t.match(status, { verdict: { level: 'alarm', problems: [{ code: 'throttled', route: 'app' }] } })
  t.match(
    await (await ask('/metrics')).text(),
    'apns_legacy_proxy_problem{route="app",code="throttled",severity="alarm"} 1',
  )
})
