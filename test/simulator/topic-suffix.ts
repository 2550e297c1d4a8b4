import t from 'tap'
import {
  bundleIdOf,
  isManagementTopic,
  payloadLimitBytes,
  pushTypesFor,
} from '../../src/simulator/request-check.ts'

t.test('each form of topic takes its push types only', (t) => {
  const rows: [string, string[]][] = [
    ['com.example.shop', ['alert', 'background']],
    ['pass.com.example.card', ['alert', 'background']],
    ['com.example.shop.voip', ['voip']],
    ['com.example.shop.voip-ptt', ['pushtotalk']],
    ['com.example.shop.complication', ['complication']],
    ['com.example.shop.pushkit.fileprovider', ['fileprovider']],
    ['com.example.shop.location-query', ['location']],
    ['com.example.shop.push-type.liveactivity', ['liveactivity']],
    ['com.example.shop.push-type.controls', ['controls']],
    ['com.example.shop.push-type.widgets', ['widgets']],
    ['com.apple.mgmt.External.0bd1ae2a', ['mdm']],
  ]
  for (const [topic, pushTypes] of rows) t.strictSame(pushTypesFor(topic), pushTypes, topic)
  t.end()
})

t.test('the bundle ID is the topic without its suffix', (t) => {
  t.equal(bundleIdOf('com.example.shop'), 'com.example.shop')
  t.equal(bundleIdOf('com.example.shop.push-type.liveactivity'), 'com.example.shop')
  t.end()
})

t.test('only a VoIP payload may have 5,120 bytes', (t) => {
  t.equal(payloadLimitBytes('com.example.shop.voip'), 5120)
  t.equal(payloadLimitBytes('com.example.shop.voip-ptt'), 4096)
  t.equal(payloadLimitBytes('com.example.shop'), 4096)
  t.end()
})

t.test('a topic of device management begins with com.apple.mgmt.', (t) => {
  t.ok(isManagementTopic('com.apple.mgmt.External.0bd1ae2a'))
  t.notOk(isManagementTopic('com.example.com.apple.mgmt.x'))
  t.end()
})
