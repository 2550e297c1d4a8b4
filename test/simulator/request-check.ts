import t from 'tap'
import {
  checkRequest,
  headerFields,
  topicOf,
  type Credential,
} from '../../src/simulator/request-check.ts'

const shop = 'com.example.shop'
const mdm = 'com.apple.mgmt.External.0bd1ae2a'
const one: Credential = { kind: 'certificate', topics: [shop], fault: undefined }
const several: Credential = {
  kind: 'certificate',
  topics: [shop, `${shop}.voip`],
  fault: undefined,
}
const anyTopic: Credential = { kind: 'provider-token', topics: undefined, fault: undefined }
const oneApp: Credential = { kind: 'provider-token', topics: [shop], fault: undefined }

interface Row {
  readonly name: string
  readonly expected: string | undefined
  readonly headers?: readonly string[]
  readonly method?: string
  readonly path?: string
  readonly bodyBytes?: number
  readonly credential?: Credential
}

const goodPath = `/3/device/${'a1'.repeat(32)}`
const topicHeader = ['apns-topic', shop]

const rows: readonly Row[] = [
  { name: 'the least there can be', expected: undefined },
  {
    name: 'every header that there is',
    headers: [
      ...topicHeader,
      ...['apns-push-type', 'alert', 'apns-priority', '10', 'apns-expiration', '1617148800'],
      ...['apns-id', 'eabeae54-14a8-11e5-b60b-1697f925ec7b', 'apns-collapse-id', 'cart'],
    ],
    expected: undefined,
  },
  { name: 'GET', method: 'GET', expected: 'MethodNotAllowed' },
  { name: 'GET elsewhere', method: 'GET', path: '/', expected: 'MethodNotAllowed' },
  { name: 'another path', path: '/4/broadcasts/apps/x', expected: 'BadPath' },
  { name: 'a path that goes on', path: `${goodPath}/x`, expected: 'BadPath' },
  { name: 'a path that ends early', path: '/3/dev', expected: 'BadPath' },
  { name: 'no token', path: '/3/device/', expected: 'MissingDeviceToken' },
  { name: 'no token and no slash', path: '/3/device', expected: 'MissingDeviceToken' },
  { name: 'a token that is not hex', path: '/3/device/zz', expected: 'BadDeviceToken' },
  { name: 'half a byte', path: '/3/device/abc', expected: 'BadDeviceToken' },
  { name: 'a query', path: `${goodPath}?a=b`, expected: 'BadDeviceToken' },
  { name: '101 bytes', path: `/3/device/${'ab'.repeat(101)}`, expected: 'BadDeviceToken' },
  { name: '100 bytes', path: `/3/device/${'ab'.repeat(100)}`, expected: undefined },
  { name: 'upper case', path: `/3/device/${'AB'.repeat(32)}`, expected: undefined },
  {
    name: 'a header twice',
    headers: [...topicHeader, ...topicHeader],
    expected: 'DuplicateHeaders',
  },
  { name: 'cookies twice', headers: ['cookie', 'a=1', 'cookie', 'b=2'], expected: undefined },
  { name: 'no credential', credential: { kind: 'none' }, expected: 'MissingProviderToken' },
  {
    name: 'a faulty certificate',
    credential: { ...one, fault: 'BadCertificate' },
    expected: 'BadCertificate',
  },
  { name: 'an apns-id of words', headers: ['apns-id', 'first'], expected: 'BadMessageId' },
  {
    name: 'an apns-id without hyphens',
    headers: ['apns-id', 'eabeae5414a811e5b60b1697f925ec7b'],
    expected: 'BadMessageId',
  },
  {
    name: 'an apns-id in upper case',
    headers: ['apns-id', 'EABEAE54-14A8-11E5-B60B-1697F925EC7B'],
    expected: undefined,
  },
  {
    name: 'a collapse id of 64',
    headers: ['apns-collapse-id', 'x'.repeat(64)],
    expected: undefined,
  },
  {
    name: 'a collapse id of 65',
    headers: ['apns-collapse-id', 'x'.repeat(65)],
    expected: 'BadCollapseId',
  },
  { name: 'expiration 0', headers: ['apns-expiration', '0'], expected: undefined },
  { name: 'expiration -1', headers: ['apns-expiration', '-1'], expected: 'BadExpirationDate' },
  { name: 'expiration 1.5', headers: ['apns-expiration', '1.5'], expected: 'BadExpirationDate' },
  { name: 'expiration empty', headers: ['apns-expiration', ''], expected: 'BadExpirationDate' },
  { name: 'priority 1', headers: ['apns-priority', '1'], expected: undefined },
  { name: 'priority 7', headers: ['apns-priority', '7'], expected: 'BadPriority' },
  { name: 'priority 05', headers: ['apns-priority', '05'], expected: 'BadPriority' },
  {
    name: 'a background push at once',
    headers: ['apns-push-type', 'background', 'apns-priority', '10'],
    expected: 'BadPriority',
  },
  {
    name: 'a background push at leisure',
    headers: ['apns-push-type', 'background', 'apns-priority', '5'],
    expected: undefined,
  },
  {
    name: 'a background push without priority',
    headers: ['apns-push-type', 'background'],
    expected: undefined,
  },
  { name: 'no topic, several in the certificate', credential: several, expected: 'MissingTopic' },
  { name: 'no topic, provider token', credential: anyTopic, expected: 'MissingTopic' },
  { name: 'an empty topic', headers: ['apns-topic', ''], expected: 'BadTopic' },
  { name: 'a topic in brackets', headers: ['apns-topic', '<x>'], expected: 'BadTopic' },
  {
    name: 'a topic that is not in the certificate',
    headers: ['apns-topic', `${shop}.voip`],
    expected: 'TopicDisallowed',
  },
  {
    name: 'a second topic of the certificate',
    headers: ['apns-topic', `${shop}.voip`, 'apns-push-type', 'voip'],
    credential: several,
    expected: undefined,
  },
  {
    name: 'a topic that the signing key is not for',
    headers: ['apns-topic', 'com.example.shopping'],
    credential: oneApp,
    expected: 'TopicDisallowed',
  },
  {
    name: 'a suffix to the topic that the signing key is for',
    headers: ['apns-topic', `${shop}.push-type.liveactivity`],
    credential: oneApp,
    expected: undefined,
  },
  {
    name: 'device management with a provider token',
    headers: ['apns-topic', mdm, 'apns-push-type', 'mdm'],
    credential: anyTopic,
    expected: 'Forbidden',
  },
  {
    name: 'device management with its certificate',
    headers: ['apns-push-type', 'mdm'],
    credential: { ...one, topics: [mdm] },
    expected: undefined,
  },
  {
    name: 'an unknown push type',
    headers: ['apns-push-type', 'Alert'],
    expected: 'InvalidPushType',
  },
  { name: 'mdm to an app', headers: ['apns-push-type', 'mdm'], expected: 'InvalidPushType' },
  { name: 'voip to an app', headers: ['apns-push-type', 'voip'], expected: 'InvalidPushType' },
  {
    name: 'location with a provider token',
    headers: ['apns-topic', `${shop}.location-query`, 'apns-push-type', 'location'],
    credential: anyTopic,
    expected: undefined,
  },
  {
    name: 'location with a certificate',
    headers: ['apns-push-type', 'location'],
    credential: { ...one, topics: [`${shop}.location-query`] },
    expected: 'InvalidPushType',
  },
  { name: 'no payload', bodyBytes: 0, expected: 'PayloadEmpty' },
  { name: 'a payload of 4,096', bodyBytes: 4096, expected: undefined },
  { name: 'a payload of 4,097', bodyBytes: 4097, expected: 'PayloadTooLarge' },
  {
    name: 'a VoIP payload of 5,120',
    headers: ['apns-topic', `${shop}.voip`],
    credential: several,
    bodyBytes: 5120,
    expected: undefined,
  },
  {
    name: 'a VoIP payload of 5,121',
    headers: ['apns-topic', `${shop}.voip`],
    credential: several,
    bodyBytes: 5121,
    expected: 'PayloadTooLarge',
  },
]

for (const row of rows) {
  t.test(`${row.name}: ${row.expected ?? 'accepted'}`, (t) => {
    const { method = 'POST', path = goodPath, headers = [], bodyBytes = 20, credential = one } = row
    const fields = headerFields([':method', method, ':path', path, ...headers])
    t.equal(checkRequest({ fields, bodyBytes, credential }), row.expected)
    t.end()
  })
}

t.test('the first fault from the outside in is the one that is told', (t) => {
  const fields = headerFields([':method', 'POST', ':path', '/3/device/zz', 'apns-priority', '7'])
  t.equal(
    checkRequest({ fields, bodyBytes: 0, credential: { kind: 'none' } }),
    'MissingProviderToken',
  )
  t.equal(checkRequest({ fields, bodyBytes: 0, credential: one }), 'BadPriority')
  t.end()
})

t.test('the only topic of a certificate counts where the header is missing', (t) => {
  t.equal(topicOf(headerFields([]), one), shop)
  t.equal(topicOf(headerFields([]), several), undefined)
  t.equal(topicOf(headerFields(['apns-topic', mdm]), one), mdm)
  t.equal(topicOf(headerFields([]), { kind: 'none' }), undefined)
  t.end()
})

t.test('of a header that comes twice the first value stays', (t) => {
  const { values, repeated } = headerFields(['apns-id', 'a', 'apns-id', 'b'])
  t.equal(values.get('apns-id'), 'a')
  t.ok(repeated)
  t.end()
})
