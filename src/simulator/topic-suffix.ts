/** Which form of topic goes with which push type. */

interface TopicForm {
  readonly pushType: string
  readonly suffix: string
}

/** — source: Apple, "Sending notification requests to APNs", apns-push-type */
const suffixes: readonly TopicForm[] = [
  { pushType: 'voip', suffix: '.voip' },
  { pushType: 'complication', suffix: '.complication' },
  { pushType: 'fileprovider', suffix: '.pushkit.fileprovider' },
  { pushType: 'location', suffix: '.location-query' },
  { pushType: 'pushtotalk', suffix: '.voip-ptt' },
  { pushType: 'liveactivity', suffix: '.push-type.liveactivity' },
  { pushType: 'controls', suffix: '.push-type.controls' },
  { pushType: 'widgets', suffix: '.push-type.widgets' },
]

const plain: readonly string[] = ['alert', 'background']

/** True for the topic of a device management server, the UID of its push certificate. */
export function isManagementTopic(topic: string): boolean {
  return topic.startsWith('com.apple.mgmt.')
}

function formOf(topic: string): TopicForm | undefined {
  return suffixes.find(({ suffix }) => topic.endsWith(suffix))
}

/** Push types that may go to `topic`. */
export function pushTypesFor(topic: string): readonly string[] {
  if (isManagementTopic(topic)) return ['mdm']
  const form = formOf(topic)
  return form === undefined ? plain : [form.pushType]
}

/** The app's bundle ID: `topic` without the suffix that a push type asks for. */
export function bundleIdOf(topic: string): string {
  return topic.slice(0, topic.length - (formOf(topic)?.suffix.length ?? 0))
}

/** Most bytes of a payload. — source: Apple, "Generating a remote notification" */
export function payloadLimitBytes(topic: string): number {
  return topic.endsWith('.voip') ? 5120 : 4096
}
