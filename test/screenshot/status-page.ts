/** Makes the pictures of docs/status-page, with traffic that is made up: `npm run screenshots`. */
import { fileURLToPath } from 'node:url'
import { AdminServer } from '../../src/admin/admin-server.ts'
import { launchBrowser } from '../fixtures/browser.ts'
import { adminSources } from '../fixtures/status-sample.ts'

const folder = fileURLToPath(new URL('../../docs/status-page/', import.meta.url))
const widths = { desktop: 1280, phone: 390 } as const
/** As far as the first route: the rest is more of the same. */
const height = 1170

const admin = await AdminServer.open(
  { host: '127.0.0.1', port: 0, token: undefined },
  adminSources(),
)
const browser = await launchBrowser()
for (const [name, width] of Object.entries(widths))
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({
      viewport: { width, height },
      colorScheme,
      locale: 'en-GB',
      timezoneId: 'UTC',
    })
    await page.goto(`http://127.0.0.1:${admin.address.port}/`)
    await page.locator('article').first().waitFor()
    await page.screenshot({ path: `${folder}${name}-${colorScheme}.png` })
    await page.close()
  }
await browser.close()
await admin.close()
