/** Loads the part of a configuration that says who is told about problems. */
import { hostname } from 'node:os'
import type { AlarmSettings } from '../alarms/alarm-settings.ts'
import type { Attempt } from './route.ts'
import type { Parts } from './schema.ts'
import { loadSharedSecret } from './shared-secret.ts'

export function loadAlarms(
  { webhook, webhookSecretFile: file, command, minSeverity, name }: NonNullable<Parts['alarms']>,
  attempt: Attempt,
): AlarmSettings {
  const secret = file && attempt('alarms.webhookSecretFile', () => loadSharedSecret(file))
  return {
    webhook: webhook === undefined ? undefined : { url: new URL(webhook), secret },
    command,
    minSeverity,
    name: name ?? hostname(),
  }
}
