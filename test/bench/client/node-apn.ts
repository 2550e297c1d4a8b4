/** `@parse/node-apn`, used as its documentation shows. */
import apn from '@parse/node-apn'
import { alertOf, expiration, tokenOf, topic } from '../notification.ts'
import type { Send, Target } from './client.ts'

/** With a certificate, which spares it the provider token. */
export function openNodeApn({ port, authority, push }: Target): Send {
  const provider = new apn.Provider({
    address: 'localhost',
    port,
    ca: [authority.certificatePem],
    cert: push.certificatePem,
    key: push.keyPem,
    // Its five seconds are over sooner than a busy machine has sent what is in flight.
    requestTimeout: 60_000,
  })
  return async (n) => {
    const notification = new apn.Notification()
    notification.alert = alertOf(n)
    notification.sound = 'default'
    notification.topic = topic
    notification.pushType = 'alert'
    notification.priority = 10
    notification.expiry = expiration
    const { failed } = await provider.send(notification, tokenOf(n))
    if (failed.length > 0) throw new Error(JSON.stringify(failed[0]))
  }
}
