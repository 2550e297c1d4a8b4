/** Environment variables in a configuration file. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ConfigProblem } from '../../src/config/config-error.ts'
import { readYamlFile } from '../../src/config/yaml-file.ts'
import { folder } from '../fixtures/folder.ts'

const variables = {
  PROXY_PORT: '3195',
  PROXY_HOST: 'redis',
  PROXY_DIGITS: '0123',
  PROXY_MAP: '{}',
  PROXY_HASH: 'a #b',
}
Object.assign(process.env, variables)
t.teardown(() => {
  for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name)
})

function read(
  t: Test,
  text: string | Buffer,
): { value: unknown; problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = []
  const file = join(folder(t), 'proxy.yaml')
  writeFileSync(file, text)
  return { value: readYamlFile(file, problems), problems }
}

const values: readonly (readonly [name: string, text: string, value: unknown])[] = [
  ['an unquoted value can become a number', 'port: ${PROXY_PORT}', { port: 3195 }],
  ['a quoted value stays text', 'keyId: "${PROXY_DIGITS}"', { keyId: '0123' }],
  [
    'a part of a value',
    'store: redis://${PROXY_HOST}:${PROXY_PORT}',
    { store: 'redis://redis:3195' },
  ],
  ['a comment sign in a variable is text', 'name: ${PROXY_HASH}', { name: 'a #b' }],
  ['an item of a list', 'from:\n  - ${PROXY_HOST}', { from: ['redis'] }],
  ['a variable cannot bring a mapping', 'name: ${PROXY_MAP}', { name: '{}' }],
  ['the name of a key stays as it is', '"${PROXY_HOST}": 1', { '${PROXY_HOST}': 1 }],
  ['another use of the dollar sign stays as it is', 'topic: a$b$', { topic: 'a$b$' }],
]

t.test('a file in UTF-16, as PowerShell writes it', (t) => {
  const text = Buffer.from('\uFEFFname: Käse\r\n', 'utf16le')
  t.same(read(t, text), { value: { name: 'Käse' }, problems: [] })
  t.end()
})

for (const [name, text, value] of values)
  t.test(name, (t) => {
    t.same(read(t, text), { value, problems: [] })
    t.end()
  })

t.test('a default in a variable is no text that a folder is named after', (t) => {
  const { problems } = read(t, 'dataDirectory: ${PROXY_DATA:-/var/lib/proxy}\n')
  t.match(problems, [{ path: 'line 1, column 16', message: /names no variable/ }])
  t.end()
})

t.test('a variable that is not set is a problem with its place', (t) => {
  const { problems } = read(t, 'log:\n  level: ${PROXY_LEVEL_THAT_NOBODY_SETS}\n')
  t.same(problems, [
    {
      path: 'line 2, column 10',
      message: 'names the environment variable PROXY_LEVEL_THAT_NOBODY_SETS, which is not set',
    },
  ])
  t.end()
})

t.test('several tabs are one problem with its cure', (t) => {
  const { problems } = read(t, 'log:\n\tlevel: info\n\tother: 1\n')
  t.same(problems, [
    {
      path: 'line 2, column 1',
      message: 'this line begins with a tab; indent all lines with spaces',
    },
  ])
  t.end()
})

t.test('a repeated key is named, with both places', (t) => {
  const { problems } = read(t, 'a: { b: 1 }\nroutes:\n  - b: 1\n    c: 2\n    b: 3\n')
  t.same(problems, [
    {
      path: 'line 5, column 5',
      message: 'repeats the key b of line 3, column 5; remove one of the two',
    },
  ])
  t.end()
})

t.test('a file that cannot be read is told in words', (t) => {
  const problems: ConfigProblem[] = []
  const directory = folder(t)
  readYamlFile(directory, problems)
  readYamlFile(join(directory, 'gone.yaml'), problems)
  t.match(problems, [
    { message: /^cannot be read: this is a folder, not a file; / },
    { message: /^cannot be read: there is no such file; name an existing file with --config$/ },
  ])
  t.end()
})
