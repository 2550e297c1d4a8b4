import t from 'tap'
import { expiryFinding } from '../../src/check/certificate-check.ts'

const now = Date.UTC(2021, 2, 31, 12)
const dayMs = 86_400_000

function after(days: number): { validFrom: string; validTo: string } {
  return {
    validFrom: new Date(now - dayMs).toUTCString(),
    validTo: new Date(now + days * dayMs + 1000).toUTCString(),
  }
}

const rows: readonly (readonly [days: number, finding: string, cure: string])[] = [
  [30, 'expires in 30 days, on 2021-04-30', 'plan its renewal, with a pen'],
  [15, 'expires in 15 days, on 2021-04-15', 'plan its renewal, with a pen'],
  [14, 'expires in 14 days, on 2021-04-14', 'renew it within a week, with a pen'],
  [7, 'expires in 7 days, on 2021-04-07', 'renew it within two days, with a pen'],
  [1, 'expires in 1 day, on 2021-04-01', 'renew it now, with a pen'],
  [0, 'expires within a day, on 2021-03-31', 'renew it now, with a pen'],
]

t.test('a certificate is warned of more urgently the nearer its end is', (t) => {
  for (const [days, finding, cure] of rows)
    t.strictSame(expiryFinding('a', after(days), now, 'with a pen'), {
      severity: 'warning',
      subject: 'a',
      finding,
      cure,
    })
  t.end()
})

t.test('more than 30 days are enough', (t) => {
  t.strictSame(expiryFinding('a', after(31), now, 'with a pen'), {
    severity: 'ok',
    subject: 'a',
    finding: 'valid until 2021-05-01, 31 days from now',
  })
  t.end()
})

t.test('an expired certificate is an error', (t) => {
  const validTo = new Date(now).toUTCString()
  t.strictSame(expiryFinding('a', { ...after(1), validTo }, now, 'with a pen'), {
    severity: 'error',
    subject: 'a',
    finding: 'expired on 2021-03-31: every peer rejects it',
    cure: 'renew it with a pen',
  })
  t.end()
})

t.test('one that is not valid yet points to the clock', (t) => {
  const validFrom = new Date(now + dayMs).toUTCString()
  t.strictSame(expiryFinding('a', { ...after(90), validFrom }, now, 'with a pen'), {
    severity: 'error',
    subject: 'a',
    finding: 'is valid only from 2021-04-01 on, and the clock of this machine shows 2021-03-31',
    cure: 'set the clock of this machine (NTP); if it is right, wait until then',
  })
  t.end()
})
