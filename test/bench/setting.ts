/** What all parts of a benchmark share: certificates that are thrown away, and where they lie. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Issued } from '../../src/credentials/authority.ts'
import { built } from './built.ts'
import { topic } from './notification.ts'
import { folder } from './process.ts'

/** Whom everybody trusts, and as whom they speak. */
export interface Setting {
  readonly authority: Issued
  /** Of the gateway and of the upstream: `localhost`. */
  readonly server: Issued
  /** A push certificate, of the senders and towards the upstream; node-apn wants one for both environments. */
  readonly push: Issued
}

/** Makes throw-away certificates. */
export async function prepareSetting(): Promise<Setting> {
  const { createAuthority, issuePushCertificate, issueServerCertificate } =
    await built('credentials/authority')
  const now = new Date()
  const authority = await createAuthority('benchmark', now)
  return {
    authority,
    server: await issueServerCertificate(authority, ['localhost', '127.0.0.1'], now),
    push: await issuePushCertificate(
      authority,
      { topic, environments: ['production', 'sandbox'] },
      now,
    ),
  }
}

/** Writes into the benchmark's folder; returns the path. */
export function write(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
