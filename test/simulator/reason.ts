import t from 'tap'
import { statusFor } from '../../src/simulator/scripted-answer.ts'

t.test('every reason has the status of the table in Apple’s documentation', (t) => {
  const table: Record<number, string> = {
    400:
      'BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority BadTopic ' +
      'DeviceTokenNotForTopic DuplicateHeaders IdleTimeout InvalidPushType MissingDeviceToken ' +
      'MissingTopic PayloadEmpty TopicDisallowed',
    403:
      'BadCertificate BadCertificateEnvironment BadEnvironmentKeyIdInToken ExpiredProviderToken ' +
      'Forbidden InvalidProviderToken MissingProviderToken UnrelatedKeyIdInToken',
    404: 'BadPath',
    405: 'MethodNotAllowed',
    410: 'ExpiredToken Unregistered',
    413: 'PayloadTooLarge',
    429: 'TooManyProviderTokenUpdates TooManyRequests',
    500: 'InternalServerError',
    503: 'ServiceUnavailable Shutdown',
  }
  for (const [status, reasons] of Object.entries(table)) {
    for (const reason of reasons.split(' ')) t.equal(statusFor(reason), Number(status), reason)
  }
  t.end()
})

t.test('a reason that Apple does not have has no status', (t) => {
  t.equal(statusFor('NoSuchReason'), undefined)
  t.equal(statusFor('toString'), undefined)
  t.end()
})
