/** `apns2`, used as its documentation shows. */
import { generateKeyPairSync } from 'node:crypto'
import tls, { type ConnectionOptions } from 'node:tls'
import { ApnsClient, Notification, PushType } from 'apns2'
import { alertOf, expiration, tokenOf, topic } from '../notification.ts'
import type { Send, Target } from './client.ts'

/** It knows provider tokens only. */
export function openApns2({ port, authority }: Target): Send {
  redirect(port, authority.certificatePem)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const client = new ApnsClient({
    host: 'localhost',
    team: 'DEF123GHIJ',
    keyId: 'ABC123DEFG',
    signingKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    defaultTopic: topic,
  })
  return (n) =>
    client.send(
      new Notification(tokenOf(n), {
        type: PushType.alert,
        alert: alertOf(n),
        sound: 'default',
        expiration,
      }),
    )
}

/** Its port is 443 and its roots are Node's own, without an option for either. */
function redirect(port: number, ca: string): void {
  const original = tls.connect.bind(tls)
  tls.connect = ((options: ConnectionOptions) =>
    original({ ...options, port, ca })) as typeof tls.connect
}
