/** Checks the validity of a certificate, and rates the urgency of its renewal. */
import type { X509Certificate } from 'node:crypto'
import { dayOf } from '../credentials/certificate.ts'
import { error, ok, warning, type Finding } from './finding.ts'

const dayMs = 24 * 60 * 60 * 1000

/** The last row that matches applies. */
const urgencies: readonly { readonly days: number; readonly when: string }[] = [
  { days: 30, when: 'plan its renewal' },
  { days: 14, when: 'renew it within a week' },
  { days: 7, when: 'renew it within two days' },
  { days: 1, when: 'renew it now' },
]

/** @param how how to renew it, as "at …" or "with …" */
export function expiryFinding(
  subject: string,
  certificate: Pick<X509Certificate, 'validFrom' | 'validTo'>,
  nowMs: number,
  how: string,
): Finding {
  const begins = new Date(certificate.validFrom)
  const ends = new Date(certificate.validTo)
  const days = Math.floor((ends.getTime() - nowMs) / dayMs)
  if (begins.getTime() > nowMs)
    return error(
      subject,
      `is valid only from ${dayOf(begins)} on, and the clock of this machine shows ${dayOf(new Date(nowMs))}`,
      'set the clock of this machine (NTP); if it is right, wait until then',
    )
  if (ends.getTime() <= nowMs)
    return error(subject, `expired on ${dayOf(ends)}: every peer rejects it`, `renew it ${how}`)
  const urgency = urgencies.findLast((row) => days <= row.days)
  if (urgency === undefined) return ok(subject, `valid until ${dayOf(ends)}, ${days} days from now`)
  return warning(subject, `expires ${inDays(days)}, on ${dayOf(ends)}`, `${urgency.when}, ${how}`)
}

function inDays(days: number): string {
  if (days === 0) return 'within a day'
  return days === 1 ? 'in 1 day' : `in ${days} days`
}
