/** The status page in a real browser, in front of a proxy at work. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { AdminServer } from '../../src/admin/admin-server.ts'
import { loadConfiguration } from '../../src/config/configuration.ts'
import { issuePushCertificate } from '../../src/credentials/authority.ts'
import { launchBrowser, noBrowser } from '../fixtures/browser.ts'
import { token } from '../fixtures/hex.ts'
import { authority } from '../fixtures/identity.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { adminSources, routeState, sampleHistory } from '../fixtures/status-sample.ts'

const dayMs = 24 * 60 * 60 * 1000

/** A page, and what it did that it should not have done. */
interface Visit {
  readonly page: Page
  readonly complaints: string[]
}

/** Opens the page; requests to anywhere else are complaints, and do not get out. */
async function visit(t: Test, origin: string, password?: string): Promise<Visit> {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...(password !== undefined && { httpCredentials: { username: 'admin', password } }),
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.route('**/*', (route) => {
    const { origin: asked } = new URL(route.request().url())
    if (asked === origin) return route.continue()
    complaints.push(`asked ${asked}`)
    return route.abort()
  })
  await page.goto(origin)
  return { page, complaints }
}

/** One notification with command 2. */
function push(identifier: number, deviceToken: string): string {
  const number = identifier.toString(16).padStart(8, '0')
  return `02 0000002f 01 0020 ${deviceToken} 02 0002 7b7d 03 0004 ${number}`
}

/** Writes a few each tenth of a second, until the test is over. */
async function flow(t: Test, stage: Stage): Promise<void> {
  const sender = await RawSender.open(t, stage)
  const ended = new AbortController()
  let identifier = 0
  const writing = (async () => {
    while (!ended.signal.aborted) {
      for (let n = 0; n < 20; n++) sender.write(push(++identifier, token))
      await pause(100)
    }
  })()
  t.teardown(async () => {
    ended.abort()
    await writing
  })
}

/** The number under a name in the first route. */
async function numberOf(page: Page, name: string): Promise<number> {
  const cell = page.locator('.numbers > div', { hasText: name }).first().locator('dd')
  return Number((await cell.textContent())?.replaceAll(',', ''))
}

/** Pixels of a plot that have the colour of its second line. */
function drawnPixels(page: Page, index: number): Promise<number> {
  return page.evaluate(`(() => {
    const canvas = document.querySelectorAll('canvas')[${index}]
    const context = canvas.getContext('2d')
    const style = getComputedStyle(document.documentElement)
    const wanted = style.getPropertyValue('--second').match(/[0-9a-f]{2}/g).map((hex) => parseInt(hex, 16))
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
    let count = 0
    for (let at = 0; at < data.length; at += 4)
      if (wanted.every((value, part) => Math.abs(data[at + part] - value) < 8)) count++
    return count
  })()`)
}

async function untilHolds(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(100)
}

/** The route sends with a certificate that expires in so many days. */
async function renew(stage: Stage, days: number): Promise<void> {
  const issued = new Date(Date.now() + days * dayMs)
  issued.setUTCFullYear(issued.getUTCFullYear() - 2)
  const push = { topic: 'com.example.app', environments: ['production'] } as const
  const { certificatePem, keyPem } = await issuePushCertificate(authority, push, issued)
  writeFileSync(join(stage.directory, 'push.pem'), certificatePem + keyPem)
  await stage.proxy.reload(loadConfiguration(join(stage.directory, 'proxy.yaml')))
}

t.test('a proxy at work, as its administrator sees it', { skip: noBrowser }, async (t) => {
  const stage = await setStage(t, {
    simulator: { answers: [{ tokenPrefix: 'bad', reason: 'BadDeviceToken' }] },
  })
  await flow(t, stage)
  const { page, complaints } = await visit(t, `http://127.0.0.1:${stage.adminPort}`)

  await t.test('says that all is well, and who sends', async (t) => {
    await page.getByText('Healthy').waitFor()
    t.match(await page.title(), /^● Healthy/)
    const sender = page.locator('article tbody tr').first()
    t.strictSame((await sender.locator('td').allTextContents()).slice(0, 4), [
      '127.0.0.1',
      '1.2',
      '2',
      '1',
    ])
  })

  await t.test('numbers move', async () => {
    const before = await numberOf(page, 'Delivered')
    await untilHolds(async () => (await numberOf(page, 'Delivered')) > before)
  })

  await t.test('both plots draw their lines', async (t) => {
    for (const index of [0, 1]) await untilHolds(async () => (await drawnPixels(page, index)) > 40)
    t.match(await page.locator('.canvas').first().getAttribute('aria-label'), /Received \d/)
  })

  await t.test('a rejection appears with what it means', async (t) => {
    const sender = await RawSender.open(t, stage)
    sender.write(push(4711, `bad${token.slice(3)}`))
    const rejection = page.locator('.rejections li').first()
    await rejection.waitFor()
    t.match(await rejection.textContent(), 'BadDeviceToken No device has this token')
    t.match(await rejection.textContent(), 'identifier 4711')
    await untilHolds(async () => (await numberOf(page, 'Rejected')) === 1)
  })

  await t.test('a certificate that will expire turns to a warning', async (t) => {
    await renew(stage, 20.5)
    await page.getByText('Working, with 1 warning').waitFor()
    t.match(await page.title(), /^▲ /)
    t.equal(await page.locator('.countdown').textContent(), '20 days left')
    t.ok(await page.locator('.countdown.warning').isVisible())
    t.match(
      await page.locator('#problems').textContent(),
      'The push certificate expires in 20 days',
    )
  })

  await t.test('everything is reached by keyboard, and seen to be', async (t) => {
    const reached: string[] = []
    for (let n = 0; n < 11; n++) {
      await page.keyboard.press('Tab')
      reached.push(
        await page.evaluate(`(() => {
          const { activeElement: at } = document
          const ring = getComputedStyle(at).outlineStyle
          return (at.textContent || at.getAttribute('aria-label').split(',')[0]) + ' ' + ring
        })()`),
      )
    }
    t.match(reached[6], /route app.* solid$/s)
    t.strictSame(reached.toSpliced(6, 1).slice(0, 9), [
      'Skip to the routes solid',
      'app solid',
      'Last rejections solid',
      'Senders solid',
      'Throughput solid',
      'Latency solid',
      '/api/status solid',
      '/api/report solid',
      '/metrics solid',
    ])
  })

  await t.test('arrow keys read the plot', async (t) => {
    await page.locator('.canvas').first().focus()
    const when = page.locator('.when dd').first()
    t.equal(await when.textContent(), 'now')
    await page.keyboard.press('ArrowLeft')
    t.match(await when.textContent(), /\d:\d\d/)
    await page.keyboard.press('Tab')
    t.equal(await when.textContent(), 'now')
  })

  await t.test('says what it would take to do without a sender', async (t) => {
    await page.locator('.senders summary').click()
    const step = page.locator('.senders li', { hasText: 'apns-topic: com.example.app' })
    await step.waitFor()
    t.match(await page.locator('.senders summary').textContent(), 'route app')
  })

  await t.test('a phone needs no scrolling sideways', async (t) => {
    await page.setViewportSize({ width: 390, height: 844 })
    await untilHolds(
      async () => Number(await page.evaluate('document.querySelector("canvas").clientWidth')) < 390,
    )
    t.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= 390)
  })

  t.strictSame(complaints, [])

  await t.test('a proxy that falls silent is not taken for healthy', async (t) => {
    await stage.proxy.destroy()
    await page.getByText('No answer from the proxy since').waitFor()
    t.match(await page.title(), /^○ No answer/)
  })
})

const hostile = '<img src=x onerror=alert(1)>'

t.test(
  'whatever names say is shown as it is, to who has the token',
  { skip: noBrowser },
  async (t) => {
    const secret = 'a-token-of-some-length'
    const [first] = sampleHistory()
    const rejection = {
      atMs: 1,
      route: hostile,
      connection: 1,
      identifier: 1,
      apnsId: hostile,
      reason: hostile,
    }
    const sources = adminSources({
      routes: [routeState({ name: hostile, topic: hostile, isUp: false, downReason: hostile })],
      rejections: [rejection],
      now: first,
    })
    const admin = await AdminServer.open(
      { host: '127.0.0.1', port: 0, token: secret },
      { ...sources, history: () => [] },
    )
    t.teardown(() => admin.close())
    const { page, complaints } = await visit(t, `http://127.0.0.1:${admin.address.port}`, secret)
    await page.getByText('Not healthy: 1 alarm').waitFor()
    t.equal(await page.locator('h3').filter({ hasText: hostile }).textContent(), hostile)
    t.equal(await page.locator('img').count(), 0)
    t.strictSame(complaints, [])
  },
)

t.test('a picture of it is in the documents, in light and dark, wide and narrow', (t) => {
  for (const name of ['desktop-light', 'desktop-dark', 'phone-light', 'phone-dark']) {
    const png = readFileSync(new URL(`../../docs/status-page/${name}.png`, import.meta.url))
    t.equal(png.readUInt32BE(16), name.startsWith('desktop') ? 1280 : 390)
  }
  t.end()
})
