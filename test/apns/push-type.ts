import t from 'tap'
import { inferPush, type Inference } from '../../src/apns/push-type.ts'

const app = 'com.example.app'
const visible = { aps: { alert: 'hello' } }
const alert: Inference = { pushType: 'alert', priority: 'sender' }
const background: Inference = { pushType: 'background', priority: 5 }

interface Row {
  readonly what: string
  readonly topic?: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly is: Inference
}

const rows: readonly Row[] = [
  {
    what: 'a top-level mdm string and nothing else',
    payload: { mdm: '0A1B' },
    is: { pushType: 'mdm', priority: 'sender' },
  },
  {
    what: 'a top-level mdm string and nothing else, whatever the topic',
    topic: 'com.example.app.voip',
    payload: { mdm: '0A1B' },
    is: { pushType: 'mdm', priority: 'sender' },
  },
  {
    what: 'an MDM topic',
    topic: 'com.apple.mgmt.External.6f1c2a52-64a4-4f0c-9d3e-8b1f6d6a7c21',
    payload: {},
    is: { pushType: 'mdm', priority: 'sender' },
  },
  { what: 'a key mdm of the app beside an alert', payload: { mdm: 'on', ...visible }, is: alert },
  { what: 'a key mdm of the app beside aps', payload: { mdm: 'on', aps: {} }, is: background },
  {
    what: 'an MDM topic, whatever is beside mdm',
    topic: 'com.apple.mgmt.External.6f1c2a52-64a4-4f0c-9d3e-8b1f6d6a7c21',
    payload: { mdm: '0A1B', ...visible },
    is: { pushType: 'mdm', priority: 'sender' },
  },
  { what: 'mdm that is not a string', payload: { mdm: true, ...visible }, is: alert },
  {
    what: 'a VoIP topic',
    topic: 'com.example.app.voip',
    payload: { aps: { 'content-available': 1 } },
    is: { pushType: 'voip', priority: 'sender' },
  },
  {
    what: 'a complication',
    topic: 'com.example.app.complication',
    payload: visible,
    is: { pushType: 'complication', priority: 10 },
  },
  {
    what: 'a file provider',
    topic: 'com.example.app.pushkit.fileprovider',
    payload: {},
    is: { pushType: 'fileprovider', priority: 'sender' },
  },
  {
    what: 'push to talk',
    topic: 'com.example.app.voip-ptt',
    payload: {},
    is: { pushType: 'pushtotalk', priority: 'sender' },
  },
  {
    what: 'a location query',
    topic: 'com.example.app.location-query',
    payload: {},
    is: { pushType: 'location', priority: 'sender' },
  },
  {
    what: 'a live activity',
    topic: 'com.example.app.push-type.liveactivity',
    payload: {},
    is: { pushType: 'liveactivity', priority: 'sender' },
  },
  {
    what: 'controls',
    topic: 'com.example.app.push-type.controls',
    payload: {},
    is: { pushType: 'controls', priority: 'sender' },
  },
  {
    what: 'widgets',
    topic: 'com.example.app.push-type.widgets',
    payload: {},
    is: { pushType: 'widgets', priority: 'sender' },
  },
  { what: 'a pass, empty', topic: 'pass.com.example.card', payload: {}, is: background },
  {
    what: 'a pass, empty aps',
    topic: 'pass.com.example.card',
    payload: { aps: {} },
    is: background,
  },
  {
    what: 'a pass with an alert, which is not shown',
    topic: 'pass.com.example.card',
    payload: visible,
    is: background,
  },
  { what: 'a website', topic: 'web.com.example', payload: visible, is: alert },
  { what: 'a website, empty', topic: 'web.com.example', payload: {}, is: alert },
  { what: 'alert null', payload: { aps: { alert: null } }, is: background },
  { what: 'an alert, text', payload: { aps: { alert: 'hello' } }, is: alert },
  { what: 'an alert, object', payload: { aps: { alert: { 'loc-key': 'HELLO' } } }, is: alert },
  { what: 'a badge', payload: { aps: { badge: 3 } }, is: alert },
  { what: 'a badge of 0, which removes the badge', payload: { aps: { badge: 0 } }, is: alert },
  { what: 'a sound, text', payload: { aps: { sound: 'default' } }, is: alert },
  { what: 'a sound, object', payload: { aps: { sound: { critical: 1 } } }, is: alert },
  {
    what: 'content-available beside an alert',
    payload: { aps: { alert: 'hello', 'content-available': 1 } },
    is: alert,
  },
  { what: 'content-available alone', payload: { aps: { 'content-available': 1 } }, is: background },
  {
    what: 'content-available with an empty sound, formerly used for silent pushes',
    payload: { aps: { 'content-available': 1, sound: '' } },
    is: background,
  },
  {
    what: 'an empty alert',
    payload: { aps: { 'content-available': 1, alert: '' } },
    is: background,
  },
  {
    what: 'an alert that is an empty object',
    payload: { aps: { 'content-available': 1, alert: {} } },
    is: background,
  },
  {
    what: 'category, thread and mutable-content without visible content',
    payload: {
      aps: { 'content-available': 1, category: 'c', 'thread-id': 't', 'mutable-content': 1 },
    },
    is: background,
  },
  { what: 'custom keys without aps', payload: { order: 7 }, is: background },
  { what: 'custom keys with an empty aps', payload: { aps: {}, order: 7 }, is: background },
  { what: 'aps that is not an object', payload: { aps: 'hello' }, is: background },
  { what: 'aps null', payload: { aps: null }, is: background },
  {
    what: 'mail of macOS Server',
    topic: 'com.apple.mail.XServer.6f1c2a52',
    payload: { aps: { 'account-id': 'a', m: 'INBOX' } },
    is: { pushType: 'background', priority: 'omit' },
  },
]

for (const { what, topic = app, payload, is } of rows)
  t.test(`${what}: ${is.pushType}, priority ${is.priority}`, (t) => {
    t.match(inferPush(topic, payload), is)
    t.end()
  })
