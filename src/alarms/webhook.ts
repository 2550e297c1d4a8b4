/** Sends an alarm as one HTTP request with a JSON body. */
import { createHmac } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import type { Clock } from '../timing/clock.ts'
import type { AlarmMessage } from './alarm-message.ts'
import type { Answer } from './alarm-queue.ts'
import type { Webhook } from './alarm-settings.ts'

/** From the connection to the end of the answer. */
const timeoutMs = 10_000
/** Of the body of an answer, which nobody reads. */
const mostAnswerBytes = 65_536

/** @returns `unavailable` if the receiver cannot be reached, or asks to try later */
export async function post(
  webhook: Webhook,
  message: AlarmMessage,
  clock: Clock,
  giveUp: AbortSignal,
): Promise<Answer> {
  const { origin } = webhook.url
  try {
    return answerOf(await request(webhook, message, clock, giveUp), origin)
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    return {
      outcome: 'unavailable',
      cause: `${origin} cannot be reached (${cause}); check address, receiver, network and firewall`,
    }
  }
}

/** Resolves with the status, once the connection is closed. */
function request(
  { url, secret }: Webhook,
  message: AlarmMessage,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const body = JSON.stringify(message)
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': `apns-legacy-proxy/${message.proxy.version}`,
    'idempotency-key': message.id,
    ...(secret !== undefined && { 'x-signature-256': signatureOf(body, secret) }),
  }
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    let status: number | undefined
    const client = url.protocol === 'https:' ? https : http
    // No agent: each connection ends with its request. No environment variable switches TLS checks off.
    const options = { method: 'POST', headers, agent: false, signal, rejectUnauthorized: true }
    const outgoing = client.request(url, options, (response) => {
      let bytes = 0
      status = response.statusCode
      response.on('error', () => undefined)
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > mostAnswerBytes) outgoing.destroy()
      })
    })
    const cancel = clock.after(timeoutMs, () =>
      outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)),
    )
    outgoing.on('error', (error) => (failure ??= error))
    outgoing.on('close', () => {
      cancel()
      if (status === undefined) reject(failure ?? new Error('it closed the connection'))
      else resolve(status)
    })
    outgoing.end(body)
  })
}

/** The value of the header with the signature. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}

function answerOf(status: number, origin: string): Answer {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  const finding = `${origin} answers ${status} ${http.STATUS_CODES[status] ?? ''}`.trimEnd()
  if (status === 429 || status >= 500)
    return { outcome: 'unavailable', cause: `${finding}; ask who runs the receiver` }
  return { outcome: 'refused', cause: `${finding}; ${cureOf(status)}` }
}

function cureOf(status: number): string {
  if (status < 400) return 'redirects are not followed: write the final URL into alarms.webhook'
  if ([401, 403, 404, 410].includes(status))
    return 'copy the URL of the webhook again, or make a new one: it may have been removed'
  return 'the receiver wants another format: let alarms.command send the alarm'
}
