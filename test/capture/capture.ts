/** Parsing captures, their errors, and formatting. */
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import {
  CaptureError,
  formatCapture,
  parseCapture,
  type Capture,
} from '../../src/capture/capture.ts'

const text = `# houston 2.4.0, Ruby
#
#   made-up tokens
connection 7
> +0 0200000001 ff
< +12 080800000000
connection 9 +350
> 01
`

const capture: Capture = {
  header: ['houston 2.4.0, Ruby', '', 'made-up tokens'],
  connections: [
    {
      number: 7,
      startMs: undefined,
      records: [
        { from: 'sender', offsetMs: 0, bytes: Buffer.from([2, 0, 0, 0, 1, 255]) },
        { from: 'gateway', offsetMs: 12, bytes: Buffer.from([8, 8, 0, 0, 0, 0]) },
      ],
    },
    {
      number: 9,
      startMs: 350,
      records: [{ from: 'sender', offsetMs: undefined, bytes: Buffer.from([1]) }],
    },
  ],
}

t.test('reads header, connections, directions, times and bytes', (t) => {
  t.strictSame(parseCapture(text), capture)
  t.end()
})

t.test('writes one line for each record, hexadecimal without spaces', (t) => {
  t.equal(
    formatCapture(capture),
    '# houston 2.4.0, Ruby\n#\n# made-up tokens\n' +
      'connection 7\n> +0 0200000001ff\n< +12 080800000000\nconnection 9 +350\n> 01\n',
  )
  t.end()
})

t.test('assigns records before the first connection line to connection 1', (t) => {
  t.strictSame(parseCapture('> 00'), {
    header: [],
    connections: [
      {
        number: 1,
        startMs: undefined,
        records: [{ from: 'sender', offsetMs: undefined, bytes: Buffer.from([0]) }],
      },
    ],
  })
  t.end()
})

t.test('joins the records of interleaved connections', (t) => {
  const { connections } = parseCapture('connection 1\n>01\nconnection 2\n>02\nconnection 1\n>03\n')
  t.strictSame(
    connections.map(({ number, records }) => [number, records.map(({ bytes }) => bytes[0])]),
    [
      [1, [1, 3]],
      [2, [2]],
    ],
  )
  t.end()
})

t.test(
  'ignores later comments, empty lines, spaces, upper case, CR LF and a byte order mark',
  (t) => {
    const loose = '\uFEFF# top\r\n\r\n  > +3  0A 0b\t0C \r\n# aside\r\n'
    t.strictSame(parseCapture(loose), {
      header: ['top'],
      connections: [
        {
          number: 1,
          startMs: undefined,
          records: [{ from: 'sender', offsetMs: 3, bytes: Buffer.from([10, 11, 12]) }],
        },
      ],
    })
    t.end()
  },
)

t.test('an empty text is a capture without connections', (t) => {
  t.strictSame(parseCapture(''), { header: [], connections: [] })
  t.equal(formatCapture({ header: [], connections: [] }), '')
  t.end()
})

const faults = [
  ['0200', 'expected a line that begins with ">", "<", "connection" or "#"'],
  ['> 0g', '"g" is not a hexadecimal digit'],
  ['> 020', '3 hexadecimal digits: half a byte is missing'],
  ['>', 'a record without bytes'],
  ['< +5', 'a record without bytes'],
  ['> +1.5 00', '"+" is not a hexadecimal digit'],
  ['> 00 +5', '"+" is not a hexadecimal digit'],
  ['> +-1 00', '"+" is not a hexadecimal digit'],
  ['connection', 'expected "connection NUMBER" or "connection NUMBER +MILLISECONDS"'],
  ['connection one', 'expected "connection NUMBER" or "connection NUMBER +MILLISECONDS"'],
  ['connection 1 350', 'expected "connection NUMBER" or "connection NUMBER +MILLISECONDS"'],
  ['connection 3 +20', 'connection 3 begins on an earlier line; remove "+20"'],
] as const

for (const [line, fault] of faults)
  t.test(`reports the line and the fault of ${JSON.stringify(line)}`, (t) => {
    const thrown = t.throws(() => parseCapture(`# top\n\nconnection 3\n> 00\n${line}\n> zz\n`))
    t.type(thrown, CaptureError)
    t.match(thrown, { name: 'CaptureError', line: 5, message: `line 5: ${fault}` })
    t.end()
  })

const milliseconds = fc.option(fc.integer({ min: 0, max: 999_999_999_999 }), { nil: undefined })

const plain = { noNullPrototype: true }

const record = fc.record(
  {
    from: fc.constantFrom('sender' as const, 'gateway' as const),
    offsetMs: milliseconds,
    bytes: fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes)),
  },
  plain,
)

const captures = fc.record(
  {
    header: fc.array(
      fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\s+/g, ' ').trim()),
    ),
    connections: fc.uniqueArray(
      fc.record(
        {
          number: fc.nat(999_999_999),
          startMs: milliseconds,
          records: fc.array(record),
        },
        plain,
      ),
      { selector: ({ number }) => number },
    ),
  },
  plain,
)

t.test('parses every capture that it formats', (t) => {
  fc.assert(
    fc.property(captures, (capture) => {
      deepStrictEqual(parseCapture(formatCapture(capture)), capture)
    }),
    { seed: 1 },
  )
  t.pass('whatever it was')
  t.end()
})

t.test('parses any text or throws a CaptureError', (t) => {
  const line = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('>', '<', '+', '0', 'f', ' ', '#', 'connection ') }),
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      try {
        parseCapture(lines.join('\n'))
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error
      }
    }),
    { seed: 1 },
  )
  t.pass('no other error')
  t.end()
})
