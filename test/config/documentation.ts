/** docs/configuration.md has every key that the schema has, with its default, and no other. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { z } from 'zod'
import { configurationSchema } from '../../src/config/schema.ts'

const document = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

/** Rows of its tables: key, then default. */
const rows = new Map(
  [...document.matchAll(/^\| *`([\w.]+)` *\|([^|]*)\|/gm)].map(([, key = '', value = '']) => [
    key,
    value.trim(),
  ]),
)

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly oneOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly default?: unknown
}

/** Keys of the file by the name that the document gives them. */
function keysOf(schema: JsonSchema, prefix = ''): Map<string, unknown> {
  const keys = new Map<string, unknown>()
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const entries = inner.items?.oneOf ?? inner.items?.anyOf ?? (inner.items ? [inner.items] : [])
    if (name === 'listeners' || name === 'routes')
      for (const entry of entries)
        for (const [key, value] of keysOf(entry)) keys.set(key, keys.get(key) ?? value)
    else if (inner.properties !== undefined)
      for (const [key, value] of keysOf(inner, name === 'tls' ? '' : `${name}.`))
        keys.set(key, value)
    else keys.set(prefix + name, inner.default)
  }
  return keys
}

const schema = z.toJSONSchema(configurationSchema('.'), { io: 'input', unrepresentable: 'any' })
const keys = keysOf(schema as JsonSchema)

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
