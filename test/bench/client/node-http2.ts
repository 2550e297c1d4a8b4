/** A client of the provider API on nothing but `node:http2`, as small as one can be. */
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { expiration, tokenOf, topic } from '../notification.ts'
import type { Send, Target } from './client.ts'

/** One session, and streams as many as the peer allows; `node:http2` queues the rest. */
export function openNodeHttp2({ port, authority, push }: Target): Send {
  const session = connect(`https://localhost:${port}`, {
    ca: authority.certificatePem,
    cert: push.certificatePem,
    key: push.keyPem,
  })
  return (n, payload) =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': `/3/device/${tokenOf(n)}`,
        'apns-topic': topic,
        'apns-push-type': 'alert',
        'apns-priority': '10',
        'apns-expiration': String(expiration),
      })
      stream.on('response', ({ ':status': status }: IncomingHttpHeaders) => {
        if (Number(status) !== 200) reject(new Error(`status ${String(status)}`))
      })
      stream.on('error', reject)
      stream.on('end', resolve)
      stream.resume()
      stream.end(payload)
    })
}
