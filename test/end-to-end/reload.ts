/** Another configuration while notifications flow: nobody is disconnected, nothing lost or doubled. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { loadConfiguration } from '../../src/config/configuration.ts'
import { startSimulator } from '../../src/simulator/provider-api.ts'
import { systemClock } from '../../src/timing/clock.ts'
import { issueServerCertificate } from '../../src/credentials/authority.ts'
import { untilIs } from '../fixtures/condition.ts'
import { authority, pushCertificate, server } from '../fixtures/identity.ts'
import { loopbackHosts } from '../fixtures/loopback.ts'
import { badAnswers, lostAndDoubled, none, pushes, settled, tallies } from '../fixtures/ledger.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { dial, enhanced } from '../fixtures/resender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'

type File = Record<string, unknown> & { routes: Record<string, unknown>[] }

/** Rewrites the configuration of a stage, and has the proxy take it up. */
async function reload(stage: Stage, change: (file: File) => void): Promise<void> {
  const path = join(stage.directory, 'proxy.yaml')
  const file = parse(readFileSync(path, 'utf8')) as File
  change(file)
  writeFileSync(path, stringify(file))
  await stage.proxy.reload(loadConfiguration(path))
}

t.test('a renewed certificate under load: the old session finishes, new ones go on', async (t) => {
  const stage = await setStage(t, { simulator: { latencyMs: { min: 5, max: 30 } } })
  const sender = await RawSender.open(t, stage)
  const sent = pushes(4000)
  const renewed = await pushCertificate('com.example.app')
  const old = stage.sender
  for (const [index, push] of sent.entries()) {
    sender.socket.write(enhanced(index, push))
    if (index % 100 === 0) await new Promise(setImmediate)
    if (index !== 1000 && index !== 3000) continue
    const { certificatePem, keyPem } = index === 1000 ? renewed : old
    writeFileSync(join(stage.directory, 'renewed.pem'), certificatePem + keyPem)
    await reload(stage, ({ routes: [route = {}] }) => {
      route['certificate'] = 'renewed.pem'
      route['senderCertificates'] = ['push.pem']
    })
  }
  await settled(stage, 4000)
  t.same(lostAndDoubled(stage, sent), none)
  t.same(sender.events, [])
  t.ok(stage.log.count('session.ready') >= 3, 'what has waited may open more than one')
  t.equal(stage.log.count('route.down'), 0)
})

t.test('a suspected route whose environment is corrected delivers what it held', async (t) => {
  const wrong = await startSimulator(
    { tls: server, answers: [{ tokenPrefix: '', reason: 'BadDeviceToken' }] },
    { clock: systemClock },
  )
  t.teardown(() => wrong.stop())
  const stage = await setStage(t, { production: wrong.origin })
  const socket = await dial(stage, { deaf: true })
  const sent = pushes(25)
  socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await stage.log.find('route.suspected')
  await reload(stage, (file) => {
    file['providerApi'] = { ...Object(file['providerApi']), production: stage.simulator.origin }
  })
  await stage.log.find('route.proven')
  await untilIs(() => stage.proxy.routes[0]?.relay.counters.settled.delivered, 23)
  t.equal(stage.received.length, 23, 'each of them asked for once')
})

t.test('a suspected route that need not prove itself any more tells what it held', async (t) => {
  const stage = await setStage(t, {
    simulator: { answers: [{ tokenPrefix: '', reason: 'BadDeviceToken' }] },
  })
  const socket = await dial(stage, { deaf: true })
  socket.write(Buffer.concat(pushes(10).map((push, index) => enhanced(index, push))))
  await stage.log.find('route.suspected')
  await reload(stage, (file) => {
    file['holdUntilProven'] = false
  })
  await stage.log.find('route.up')
  await untilIs(() => stage.log.count('notification.rejected'), 10)
  t.equal(stage.proxy.routes[0]?.relay.downReason, undefined)
})

t.test('a sender is admitted, and another not any more, without a restart', async (t) => {
  const stage = await setStage(t)
  const other = await pushCertificate('com.example.other')
  const connected = await RawSender.open(t, stage)
  writeFileSync(join(stage.directory, 'other.pem'), other.certificatePem)
  await reload(stage, ({ routes: [route = {}] }) => {
    route['senderCertificates'] = ['other.pem']
  })
  const admitted = await dial({ port: stage.port, sender: other })
  admitted.write(enhanced(1, pushes(1)[0] ?? { token: '', payload: '' }))
  const refused = await RawSender.open(t, stage)
  await refused.saw('end')
  connected.socket.write(enhanced(1, pushes(2)[1] ?? { token: '', payload: '' }))
  await settled(stage, 2)
  t.same(connected.events, [], 'who is connected stays')
})

t.test('a new server certificate is shown to the next sender', async (t) => {
  const stage = await setStage(t)
  const before = await RawSender.open(t, stage)
  const { certificatePem, keyPem } = await issueServerCertificate(
    authority,
    loopbackHosts,
    new Date(),
  )
  writeFileSync(join(stage.directory, 'server.pem'), certificatePem)
  writeFileSync(join(stage.directory, 'server.key'), keyPem)
  await reload(stage, () => undefined)
  const after = await RawSender.open(t, stage)
  const serial = ({ socket }: RawSender): string => socket.getPeerCertificate().serialNumber
  t.not(serial(after), serial(before))
  t.ok(after.socket.authorized)
  t.same(before.events, [])
})

t.test('a route more, and one less: what that one owns is still delivered', async (t) => {
  const stage = await setStage(t, { simulator: { latencyMs: { min: 200, max: 200 } } })
  const other = await pushCertificate('com.example.other')
  writeFileSync(join(stage.directory, 'other.pem'), other.certificatePem + other.keyPem)
  const leaving = await RawSender.open(t, stage)
  const sent = pushes(50)
  leaving.socket.write(Buffer.concat(sent.map((push, index) => enhanced(index, push))))
  await untilIs(() => tallies(stage).received, 50)
  await reload(stage, (file) => {
    file.routes = [{ name: 'other', certificate: 'other.pem' }]
  })
  t.same(
    stage.proxy.routes.map(({ name }) => name),
    ['other'],
  )
  await leaving.saw('end')
  t.match(leaving.events[0], /^data 080a00000031$/)
  await untilIs(() => stage.received.length, 50)
  t.same(lostAndDoubled(stage, sent), none)
  const coming = await dial({ port: stage.port, sender: other })
  coming.write(enhanced(1, pushes(1)[0] ?? { token: '', payload: '' }))
  await settled(stage, 1)
  await stage.proxy.stop()
})

t.test('a route put back while it still leaves: told, delivered once, and stopped', async (t) => {
  const sent = pushes(100, (index) => index === 1)
  const unanswered = { tokenPrefix: sent[0]?.token ?? '', reason: 'SILENCE', times: 1 }
  const stage = await setStage(t, {
    simulator: { answers: [unanswered, ...badAnswers] },
    route: { errorDeadlineMs: 60_000 },
  })
  const other = await pushCertificate('com.example.other')
  writeFileSync(join(stage.directory, 'other.pem'), other.certificatePem + other.keyPem)
  const [leaving] = stage.proxy.routes
  const sender = await RawSender.open(t, stage)
  const frames = sent.map((push, index) => enhanced(index, push))
  sender.socket.write(Buffer.concat(frames.slice(0, 50)))
  await untilIs(() => leaving?.relay.counters.settled.delivered, 48)
  await stage.log.find('notification.rejected')
  let routes: File['routes'] = []
  await reload(stage, (file) => {
    routes = file.routes
    file.routes = [{ name: 'other', certificate: 'other.pem' }]
  })
  await reload(stage, (file) => {
    file.routes = routes
  })
  sender.socket.write(Buffer.concat(frames.slice(50)))
  await untilIs(() => leaving?.relay.counters.received[1], 100)
  t.same(sender.events, [], 'the rejection waits for the one in front of it')
  stage.simulator.disconnect()
  await sender.saw('end')
  t.same(sender.events, ['data 080800000001', 'end'])
  sender.socket.end()
  const again = await dial(stage)
  again.write(Buffer.concat(frames.slice(2)))
  await settled(stage, 98)
  t.equal(stage.proxy.routes[0]?.relay.counters.settled.resent, 98)
  t.same(lostAndDoubled(stage, sent), none)
  again.end()
  t.ok(await stage.proxy.stop())
})
