/** Infers push type and priority, which the binary protocol lacks, from topic and payload. */

/** The values of `apns-push-type`. — source: Apple, "Sending notification requests to APNs" */
export const pushTypes = [
  'alert',
  'background',
  'complication',
  'controls',
  'fileprovider',
  'liveactivity',
  'location',
  'mdm',
  'pushtotalk',
  'voip',
  'widgets',
] as const

export type PushType = (typeof pushTypes)[number]

/** The push type, and whether to use the sender's priority. */
export interface Inference {
  readonly pushType: PushType
  /** `sender`: the sender's, default 10; a number: this priority; `omit`: no header. */
  readonly priority: 'sender' | 5 | 10 | 'omit'
}

interface TopicRule extends Inference {
  readonly begins?: string
  readonly ends?: string
}

/** Topics that determine the push type; the first match wins. — source: Apple, "Sending notification requests to APNs" */
export const topicRules: readonly TopicRule[] = [
  { begins: 'com.apple.mgmt.', pushType: 'mdm', priority: 'sender' },
  { begins: 'com.apple.mail.XServer.', pushType: 'background', priority: 'omit' },
  { begins: 'pass.', pushType: 'background', priority: 5 },
  { begins: 'web.', pushType: 'alert', priority: 'sender' },
  { ends: '.voip', pushType: 'voip', priority: 'sender' },
  { ends: '.complication', pushType: 'complication', priority: 10 },
  { ends: '.pushkit.fileprovider', pushType: 'fileprovider', priority: 'sender' },
  { ends: '.voip-ptt', pushType: 'pushtotalk', priority: 'sender' },
  { ends: '.location-query', pushType: 'location', priority: 'sender' },
  { ends: '.push-type.liveactivity', pushType: 'liveactivity', priority: 'sender' },
  { ends: '.push-type.controls', pushType: 'controls', priority: 'sender' },
  { ends: '.push-type.widgets', pushType: 'widgets', priority: 'sender' },
]

const mdm: Inference = { pushType: 'mdm', priority: 'sender' }
const alert: Inference = { pushType: 'alert', priority: 'sender' }
/** Priority 10 is an error for a background push. — source: Apple, "Pushing background updates to your App" */
const background: Inference = { pushType: 'background', priority: 5 }

export function inferPush(topic: string, payload: Readonly<Record<string, unknown>>): Inference {
  // Beside other keys, mdm is a key of the app's own.
  if (typeof payload['mdm'] === 'string' && Object.keys(payload).length === 1) return mdm
  const rule = topicRules.find(
    ({ begins, ends }) =>
      (begins !== undefined && topic.startsWith(begins)) ||
      (ends !== undefined && topic.endsWith(ends)),
  )
  return rule ?? (isVisible(payload['aps']) ? alert : background)
}

function isVisible(aps: unknown): boolean {
  if (typeof aps !== 'object' || aps === null) return false
  const { alert, badge, sound }: { alert?: unknown; badge?: unknown; sound?: unknown } = aps
  return isFilled(alert) || typeof badge === 'number' || isFilled(sound)
}

/** An empty `sound` or `alert` was the old way to wake an app silently. */
function isFilled(value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}
