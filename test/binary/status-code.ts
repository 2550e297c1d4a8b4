import t from 'tap'
import { StatusCode, statusCodeName } from '../../src/binary/status-code.ts'

t.test('has the numbers of Apple’s table', (t) => {
  t.strictSame(StatusCode, {
    processingError: 1,
    missingToken: 2,
    missingTopic: 3,
    missingPayload: 4,
    invalidTokenSize: 5,
    invalidTopicSize: 6,
    invalidPayloadSize: 7,
    invalidToken: 8,
    shutdown: 10,
    protocolError: 128,
    unknown: 255,
  })
  t.end()
})

t.test('uses Apple’s name for every known status code, and the number for others', (t) => {
  const names = [
    [0, 'no errors encountered'],
    [1, 'processing error'],
    [2, 'missing device token'],
    [3, 'missing topic'],
    [4, 'missing payload'],
    [5, 'invalid token size'],
    [6, 'invalid topic size'],
    [7, 'invalid payload size'],
    [8, 'invalid token'],
    [9, 'status 9'],
    [10, 'shutdown'],
    [11, 'status 11'],
    [128, 'protocol error'],
    [255, 'none (unknown)'],
  ] as const
  for (const [statusCode, name] of names) t.equal(statusCodeName(statusCode), name)
  t.end()
})
