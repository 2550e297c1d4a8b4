/** Makes the pictures of docs/status-page: `npm run screenshots`, or with the names of the wanted ones. */
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import t, { type Test } from 'tap'
import { AdminServer } from '../../src/admin/admin-server.ts'
import { answersIn, type Mood } from '../../src/simulator/mood.ts'
import type { ScriptedAnswer } from '../../src/simulator/scripted-answer.ts'
import { launchBrowser } from '../fixtures/browser.ts'
import { until } from '../fixtures/condition.ts'
import { RawSender } from '../fixtures/raw-sender.ts'
import { setStage, type Stage } from '../fixtures/stage.ts'
import { adminSources } from '../fixtures/status-sample.ts'

const folder = fileURLToPath(new URL('../../docs/status-page/', import.meta.url))
const widths = { desktop: 1280, phone: 390 } as const
/** As far as the first route: the rest is more of the same. */
const height = 1170

/** A real proxy in front of a simulator, and what has happened before its picture is taken. */
interface Scene {
  readonly answers: readonly ScriptedAnswer[]
  readonly route?: Record<string, unknown>
  /** Tokens to send to. */
  readonly tokens: number
  readonly isReady: (stage: Stage) => boolean
}

const inMood = (mood: Mood, tokens: number, isReady: Scene['isReady']): Scene => ({
  answers: answersIn(mood),
  tokens,
  isReady,
})

/** The verdict takes two evaluations, five seconds apart. */
function hasProblem({ log }: Stage): boolean {
  return log.count('problem.appeared') > 0
}

const scenes: Readonly<Record<string, Scene>> = {
  unproven: {
    answers: [],
    tokens: 0,
    isReady: ({ proxy }) => proxy.routes[0]?.shown.isUp === true,
  },
  suspected: inMood('environment-mismatch', 10, ({ log }) => log.count('route.suspected') > 0),
  'all-rejected': {
    answers: [{ tokenPrefix: '', reason: 'PayloadEmpty' }],
    tokens: 30,
    isReady: hasProblem,
  },
  'all-throttled': inMood('throttled', 30, hasProblem),
  middlebox: inMood('login-page', 10, ({ log }) => log.count('answer.foreign') > 0),
}

const wanted = process.argv.slice(2)
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name)

await t.test('pictures', async (t) => {
  t.setTimeout(600_000)
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  if (isWanted('ordinary')) {
    const options = { host: '127.0.0.1', port: 0, token: undefined }
    const admin = await AdminServer.open(options, adminSources())
    t.teardown(() => admin.close())
    for (const [name, width] of Object.entries(widths))
      for (const colorScheme of ['light', 'dark'] as const)
        await picture(browser, admin.address.port, `${name}-${colorScheme}`, { width, colorScheme })
  }
  for (const [name, scene] of Object.entries(scenes).filter(([name]) => isWanted(name)))
    await t.test(name, async (t) => {
      t.setTimeout(120_000)
      await play(t, browser, name, scene)
    })
})

interface Look {
  readonly width: number
  readonly colorScheme: 'light' | 'dark'
}

async function picture(browser: Browser, port: number, name: string, look: Look): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: look.width, height },
    colorScheme: look.colorScheme,
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.locator('article').first().waitFor()
  await page.screenshot({ path: `${folder}${name}.png` })
  await page.close()
}

async function play(t: Test, browser: Browser, name: string, scene: Scene): Promise<void> {
  const { answers, tokens, isReady } = scene
  const stage = await setStage(t, { simulator: { answers } })
  for (let number = 1; number <= tokens; number++) {
    const sender = await RawSender.open(t, stage)
    const token = number.toString(16).padStart(64, '0')
    sender.write(`02 0000002f 01 0020 ${token} 02 0002 7b7d 03 0004 ${token.slice(-8)}`)
  }
  await until(() => isReady(stage))
  const look = { width: widths.desktop, colorScheme: 'light' } as const
  await picture(browser, stage.adminPort, `${name}-light`, look)
}
