/** docs/configuration.schema.json, for editors: made from the schema and the tables of the document. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { z } from 'zod'
import { configurationSchema } from '../../src/config/schema.ts'

const docs = new URL('../../docs/', import.meta.url)
const file = new URL('configuration.schema.json', docs)

interface Node {
  description?: string
  default?: unknown
  required?: string[]
  readonly properties?: Record<string, Node>
  readonly items?: Node
  readonly oneOf?: readonly Node[]
}

/** The meaning of each key, from the last column of its row. */
function meanings(): Map<string, string> {
  const found = new Map<string, string>()
  const document = readFileSync(new URL('configuration.md', docs), 'utf8')
  for (const section of document.split(/^## /m)) {
    const [, holder] = /^`(\w+)`/.exec(section) ?? []
    for (const [, key = '', meaning = ''] of section.matchAll(
      /^\| *`([\w.]+)` *\|[^|]*\|(.*)\|$/gm,
    ))
      found.set(
        holder === undefined ? key : `${holder}.${key}`,
        meaning.trim().replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1'),
      )
  }
  return found
}

function describe(node: Node, prefix: string, known: ReadonlyMap<string, string>): void {
  for (const [name, inner] of Object.entries(node.properties ?? {})) {
    const path = prefix + name
    const meaning = known.get(path) ?? known.get(`routes.${path}`)
    if (meaning !== undefined) inner.description = meaning
    for (const holder of [inner, inner.items, ...(inner.items?.oneOf ?? [])])
      if (holder !== undefined) describe(holder, `${path}.`, known)
  }
}

function editorSchema(): string {
  const schema = z.toJSONSchema(configurationSchema('.'), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // A path has a default that depends on the folder.
      if (typeof jsonSchema.default === 'string' && jsonSchema.default.startsWith('/'))
        delete jsonSchema.default
    },
  }) as Node
  describe(schema, '', meanings())
  return `${JSON.stringify({ title: 'apns-legacy-proxy', ...schema }, null, 2)}\n`
}

t.test('the schema for editors is up to date', (t) => {
  const made = editorSchema()
  if (process.env['TAP_SNAPSHOT'] === '1') writeFileSync(file, made)
  t.equal(readFileSync(file, 'utf8'), made, 'TAP_SNAPSHOT=1 npm run test:file writes it anew')
  t.end()
})

t.test('every key has its description', (t) => {
  const without: string[] = []
  const visit = ({ properties, items }: Node, prefix: string): void => {
    for (const [name, inner] of Object.entries(properties ?? {})) {
      if (inner.properties === undefined && inner.items === undefined && !inner.description)
        without.push(prefix + name)
      visit(inner, `${prefix}${name}.`)
    }
    for (const holder of items === undefined ? [] : [items, ...(items.oneOf ?? [])])
      visit(holder, prefix)
  }
  visit(JSON.parse(readFileSync(file, 'utf8')) as Node, '')
  t.same(without, [])
  t.end()
})
