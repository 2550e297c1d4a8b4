/** Sends a test alarm to each receiver of alarms, and says what came back. */
import { testMessage } from '../alarms/alarm-message.ts'
import type { Answer } from '../alarms/alarm-queue.ts'
import type { AlarmSettings } from '../alarms/alarm-settings.ts'
import { run } from '../alarms/command-hook.ts'
import { post } from '../alarms/webhook.ts'
import type { Clock } from '../timing/clock.ts'
import { ok, splitMessage, warning, type Finding } from './finding.ts'

/** @param version of the proxy */
export async function alarmFindings(
  { webhook, command, name }: AlarmSettings,
  version: string,
  clock: Clock,
): Promise<Finding[]> {
  const message = testMessage({ name, version }, clock.now())
  const { signal } = new AbortController()
  const findings: Promise<Finding>[] = []
  if (webhook !== undefined)
    findings.push(
      post(webhook, message, clock, signal).then((answer) =>
        findingOf('alarms.webhook', `${webhook.url.origin} accepted a test alarm`, answer),
      ),
    )
  if (command !== undefined)
    findings.push(
      run(command, message, clock, signal).then((answer) =>
        findingOf('alarms.command', `${command[0] ?? ''} took a test alarm`, answer),
      ),
    )
  return Promise.all(findings)
}

function findingOf(subject: string, success: string, answer: Answer): Finding {
  if (answer.outcome === 'accepted') return ok(subject, success)
  const { finding, cure } = splitMessage(answer.cause)
  return warning(subject, finding, cure)
}
