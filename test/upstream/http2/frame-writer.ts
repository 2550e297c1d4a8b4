import t from 'tap'
import { Flag, frameHeaderBytes } from '../../../src/upstream/http2/frame.ts'
import { FrameWriter } from '../../../src/upstream/http2/frame-writer.ts'
import { hex } from '../../fixtures/hex.ts'

/** What is written, in hexadecimal. */
function written(write: (writer: FrameWriter) => void): string {
  const writer = new FrameWriter(
    () => undefined,
    () => undefined,
  )
  write(writer)
  return writer.close().toString('hex')
}

const bytes = (text: string): string => hex(text).toString('hex')

t.test('writes each frame in the layout of RFC 9113', (t) => {
  const rows = [
    {
      what: 'preface',
      write: (w: FrameWriter) => {
        w.writePreface()
      },
      is: '505249202a20485454502f322e300d0a0d0a534d0d0a0d0a',
    },
    {
      what: 'SETTINGS',
      write: (w: FrameWriter) => {
        w.writeSettings([
          [2, 0],
          [6, 0x12345678],
        ])
      },
      is: '00000c 04 00 00000000 0002 00000000 0006 12345678',
    },
    {
      what: 'SETTINGS acknowledged',
      write: (w: FrameWriter) => {
        w.writeSettings([], Flag.ack)
      },
      is: '000000 04 01 00000000',
    },
    {
      what: 'DATA',
      write: (w: FrameWriter) => {
        w.writeData(0x7fffffff, false, hex('00010203'), 1, 2)
      },
      is: '000002 00 00 7fffffff 0102',
    },
    {
      what: 'the last DATA',
      write: (w: FrameWriter) => {
        w.writeData(1, true, hex('00010203'), 0, 4)
      },
      is: '000004 00 01 00000001 00010203',
    },
    {
      what: 'PING',
      write: (w: FrameWriter) => {
        w.writePing(hex('0102030405060708'))
      },
      is: '000008 06 00 00000000 0102030405060708',
    },
    {
      what: 'PING acknowledged',
      write: (w: FrameWriter) => {
        w.writePing(hex('0102030405060708'), Flag.ack)
      },
      is: '000008 06 01 00000000 0102030405060708',
    },
    {
      what: 'WINDOW_UPDATE',
      write: (w: FrameWriter) => {
        w.writeWindowUpdate(3, 0x7fffffff)
      },
      is: '000004 08 00 00000003 7fffffff',
    },
    {
      what: 'RST_STREAM',
      write: (w: FrameWriter) => {
        w.writeRstStream(5, 'CANCEL')
      },
      is: '000004 03 00 00000005 00000008',
    },
    {
      what: 'GOAWAY',
      write: (w: FrameWriter) => {
        w.writeGoaway('ENHANCE_YOUR_CALM')
      },
      is: '000008 07 00 00000000 00000000 0000000b',
    },
  ] as const
  for (const { what, write, is } of rows) t.equal(written(write), bytes(is), what)
  t.end()
})

t.test('continues a block larger than a frame in CONTINUATION', (t) => {
  const block = (length: number, maxFrameBytes: number, endStream: boolean): string =>
    written((writer) => {
      const target = writer.reserve(frameHeaderBytes + length)
      const offset = writer.length + frameHeaderBytes
      for (let index = 0; index < length; index++) target[offset + index] = index + 1
      writer.writeBlock(9, endStream, offset + length, maxFrameBytes)
    })
  const rows = [
    { length: 3, endStream: false, is: '000003 01 04 00000009 010203' },
    { length: 4, endStream: true, is: '000004 01 05 00000009 01020304' },
    { length: 5, endStream: true, is: '000004 01 01 00000009 01020304 000001 09 04 00000009 05' },
    {
      length: 10,
      endStream: false,
      is: `000004 01 00 00000009 01020304 000004 09 00 00000009 05060708
           000002 09 04 00000009 090a`,
    },
  ]
  for (const { length, endStream, is } of rows)
    t.equal(block(length, 4, endStream), bytes(is), `${length} bytes in frames of 4`)
  t.end()
})
