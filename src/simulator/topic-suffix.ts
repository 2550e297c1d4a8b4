/** The push types that a topic permits, by the suffix of the topic. */

/** — source: Apple, "Sending notification requests to APNs", apns-push-type */
const pushTypeBySuffix: Readonly<Record<string, string>> = {
  '.voip': 'voip',
  '.complication': 'complication',
  '.pushkit.fileprovider': 'fileprovider',
  '.location-query': 'location',
  '.voip-ptt': 'pushtotalk',
  '.push-type.liveactivity': 'liveactivity',
  '.push-type.controls': 'controls',
  '.push-type.widgets': 'widgets',
}

/** True for the topic of a device management server, the UID of its push certificate. */
export function isManagementTopic(topic: string): boolean {
  return topic.startsWith('com.apple.mgmt.')
}

function suffixOf(topic: string): string {
  return Object.keys(pushTypeBySuffix).find((suffix) => topic.endsWith(suffix)) ?? ''
}

export function pushTypesFor(topic: string): readonly string[] {
  if (isManagementTopic(topic)) return ['mdm']
  const pushType = pushTypeBySuffix[suffixOf(topic)]
  return pushType === undefined ? ['alert', 'background'] : [pushType]
}

/** The app's bundle ID: `topic` without the suffix that a push type requires. */
export function bundleIdOf(topic: string): string {
  return topic.slice(0, topic.length - suffixOf(topic).length)
}

/** Maximum size of a payload. — source: Apple, "Generating a remote notification" */
export function payloadLimitBytes(topic: string): number {
  return topic.endsWith('.voip') ? 5120 : 4096
}
