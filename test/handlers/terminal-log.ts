import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { prettyLine } from '../../src/handlers/terminal-log.ts'

const time = '2021-03-31T12:34:56.789Z'
const clock = new Date(time).toTimeString().slice(0, 8)

function pretty(line: object, columns = 80, colors = false): string {
  return prettyLine(JSON.stringify({ level: 'info', time, ...line }), { columns, colors })
}

t.test('time, level and event, then the fields', (t) => {
  t.equal(
    pretty({ event: 'connection.closed', connection: 7, reported: false }),
    `${clock}.789 INFO  connection.closed  connection=7  reported=false\n`,
  )
  t.equal(pretty({ event: 'proxy.stopping' }), `${clock}.789 INFO  proxy.stopping\n`)
  t.end()
})

t.test('an explanation comes first, its fields below it', (t) => {
  t.equal(
    pretty({ level: 'warn', event: 'handshake.failed', cause: 'not-tls', msg: 'this is not TLS' }),
    [
      `${clock}.789 WARN  handshake.failed  this is not TLS`,
      '                   cause=not-tls\n',
    ].join('\n'),
  )
  t.end()
})

t.test('lists and addresses are in words', (t) => {
  t.match(
    pretty(
      {
        event: 'proxy.ready',
        listeners: [
          { kind: 'gateway', host: '::', port: 2195 },
          { kind: 'feedback', host: '::', port: 2196 },
        ],
        routes: [{ name: 'mdm', topic: 'com.apple.mgmt.x' }],
      },
      200,
    ),
    /listeners=gateway :::2195, feedback :::2196 {2}routes=mdm com\.apple\.mgmt\.x\n$/,
  )
  t.end()
})

t.test('nothing goes beyond the right edge but a word that is longer than the screen', (t) => {
  const line = {
    event: 'sender.refused',
    subject: 'UID=com.example.app, CN=Apple Push Services: com.example.app',
    cure: 'to admit it, add it to senderCertificates of its route; '.repeat(4),
    digest: 'a'.repeat(64),
    msg: 'an explanation that is longer than one line has room for in '.repeat(3),
  }
  for (const columns of [80, 100, 120]) {
    const rows = pretty(line, columns).trimEnd().split('\n')
    for (const row of rows)
      t.ok(row.length <= columns || row.includes('a'.repeat(64)), `${columns}: ${row}`)
    for (const row of rows.slice(1)) t.match(row, /^ {19}\S/)
  }
  t.end()
})

t.test('a stack keeps its lines', (t) => {
  const rows = pretty({ level: 'error', event: 'bug', err: 'Error: x\n    at y (z)' }).split('\n')
  t.same(rows.slice(1), ['                   Error: x', '                       at y (z)', ''])
  t.end()
})

t.test('colours change nothing but the colour', (t) => {
  const line = { event: 'route.down', reason: 'BadCertificate', msg: 'look at it' }
  const coloured = pretty(line, 80, true)
  t.not(coloured, pretty(line))
  t.equal(stripVTControlCharacters(coloured), pretty(line))
  t.end()
})

t.test('what a peer says cannot steer the terminal', (t) => {
  const line = { event: 'x', subject: 'CN=\u001b[2J\u009b31m\u202egone', err: 'a\u0007' }
  t.notMatch(pretty(line).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  t.match(pretty(line), String.raw`CN=\u001b[2J\u009b31m\u202egone`)
  t.end()
})
