/** The order of records, and those that wait for their mask. */
import t from 'tap'
import { notificationFields } from '../../src/binary/wire-format.ts'
import { Mask } from '../../src/capture/mask.ts'
import { Recording } from '../../src/recording/recording.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { hex, token } from '../fixtures/hex.ts'

function setUp(options: { masked: boolean }): {
  recording: Recording
  clock: FakeClock
  lines: string[]
} {
  const clock = new FakeClock()
  const lines: string[] = []
  const mask = new Mask(notificationFields, { key: Buffer.alloc(32), tokens: true, payloads: true })
  const recording = new Recording(
    options.masked ? { from: 'sender', mask } : undefined,
    clock,
    (text) => {
      lines.push(...text.trimEnd().split('\n'))
      return lines.length < 4
    },
  )
  return { recording, clock, lines }
}

t.test('writes each record with its side and time, until write returns false', (t) => {
  const { recording, clock, lines } = setUp({ masked: false })
  recording.add('sender', hex('00aa'))
  clock.advance(250)
  recording.add('gateway', hex('0808 00000000'))
  recording.add('sender', Buffer.alloc(0))
  for (const byte of ['01', '02', '03']) recording.add('sender', hex(byte))
  recording.end()
  t.same(lines, ['> +0 00aa', '< +250 080800000000', '> +250 01', '> +250 02'])
  t.end()
})

t.test('delays records that cannot be masked yet, and the records after them', (t) => {
  const { recording, clock, lines } = setUp({ masked: true })
  recording.add('sender', hex('00 0020'))
  t.same(lines, ['> +0 000020'])
  recording.add('sender', hex('1111'))
  clock.advance(9)
  recording.add('gateway', hex('0808 00000000'))
  t.equal(lines.length, 1)
  recording.add('sender', hex(token.slice(4)))
  t.match(lines.slice(1), [/^> \+0 [\da-f]{4}$/, /^< \+9 080800000000$/, /^> \+9 [\da-f]{60}$/])
  t.notMatch(lines.join(), '1111')
  t.end()
})

t.test('masks an incomplete field at the end', (t) => {
  const { recording, lines } = setUp({ masked: true })
  recording.add('sender', hex('00 0020 11111111'))
  t.same(lines, [])
  recording.end()
  t.match(lines, [/^> \+0 000020[\da-f]{8}$/])
  t.notMatch(lines.join(), '1111')
  t.end()
})

t.test('does not change the bytes of the connection', (t) => {
  const { recording } = setUp({ masked: true })
  const bytes = hex(`00 0020 ${token}`)
  recording.add('sender', bytes)
  t.same(bytes, hex(`00 0020 ${token}`))
  t.end()
})
