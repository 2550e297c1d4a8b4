/** docs/configuration.md has every key that the schema has, with its default, and no other. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { loadConfiguration } from '../../src/config/configuration.ts'
import { configurationSchema } from '../../src/config/schema.ts'

const document = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

/** Rows of its tables: the key, behind the one that its section is about, then the default. */
const rows = new Map<string, string>()
for (const section of document.split(/^## /m)) {
  const [, holder] = /^`(\w+)`/.exec(section) ?? []
  for (const [, key = '', value = ''] of section.matchAll(/^\| *`([\w.]+)` *\|([^|]*)\|/gm))
    rows.set(holder === undefined ? key : `${holder}.${key}`, value.trim())
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly oneOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly default?: unknown
}

/** Keys of the file by the name that the document gives them, with their defaults. */
function keysOf(schema: JsonSchema, prefix = ''): Map<string, unknown> {
  const keys = new Map<string, unknown>()
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const entries = inner.items?.oneOf ?? inner.items?.anyOf ?? (inner.items ? [inner.items] : [])
    const holders = [inner, ...entries].filter(({ properties }) => properties !== undefined)
    if (holders.length === 0) keys.set(prefix + name, inner.default)
    for (const holder of holders)
      for (const [key, value] of keysOf(holder, `${prefix}${name}.`))
        keys.set(key, keys.get(key) ?? value)
  }
  return keys
}

const schema = z.toJSONSchema(configurationSchema('.'), { io: 'input', unrepresentable: 'any' })
const keys = keysOf(schema as JsonSchema)

/** What may stand in a route and on top alike is documented once, with the default of the top. */
for (const [key, value] of [...keys])
  if (keys.has(`routes.${key}`)) {
    keys.set(`routes.${key}`, value)
    keys.delete(key)
  }

t.test('every key has its row, and every row its key', (t) => {
  t.same(
    [...keys.keys()].filter((key) => !rows.has(key)),
    [],
  )
  t.same(
    [...rows.keys()].filter((key) => !keys.has(key)),
    [],
  )
  t.end()
})

t.test('every default in the schema stands in the document', (t) => {
  for (const [key, value] of keys)
    if (['string', 'number', 'boolean'].includes(typeof value))
      t.ok(rows.get(key)?.includes(`\`${JSON.stringify(value).replaceAll('"', '')}\``), key)
  t.end()
})

t.test('the examples are complete', (t) => {
  const directory = t.testdir({ tls: {} })
  const copies = [
    ['push.pem', 'tls/server.pem'],
    ['push.key', 'tls/server.key'],
    ['push-legacy.p12', 'mdm-push.p12'],
    ['push.pem', 'old-shop-push.pem'],
    ['AuthKey_ABC123DEFG.p8', 'AuthKey_ABC123DEFG.p8'],
  ] as const
  for (const [from, to] of copies)
    copyFileSync(new URL(`../fixtures/credentials/${from}`, import.meta.url), join(directory, to))
  writeFileSync(join(directory, 'mdm-push.pass'), 'correct-horse\n')
  const examples = [...document.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = '']) => text)
  t.ok(examples.length >= 2)
  for (const text of examples) {
    writeFileSync(join(directory, 'proxy.yaml'), text)
    t.equal(loadConfiguration(join(directory, 'proxy.yaml')).routes.length, 1)
  }
  t.end()
})
