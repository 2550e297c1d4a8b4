/** Turns the issues of a schema into messages for the operator. */
import { z } from 'zod'
import { meantBy } from './spelling.ts'

interface KeySchema {
  readonly properties?: Readonly<Record<string, KeySchema>>
  readonly items?: KeySchema
  readonly oneOf?: readonly KeySchema[]
}

/** The keys that the schema allows at `path`, a list of keys and indexes. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const whole = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as KeySchema
  const place = path.reduce<KeySchema | undefined>(
    (holder, key) => (typeof key === 'number' ? holder?.items : holder?.properties?.[String(key)]),
    whole,
  )
  const holders = [place, ...(place?.oneOf ?? [])]
  return holders.flatMap((holder) => Object.keys(holder?.properties ?? {}))
}

export function unknownKey(key: string, known: readonly string[]): string {
  const meant = meantBy(key, known)
  return meant === undefined
    ? 'is not a known key; correct its spelling or remove it'
    : `is not a known key; did you mean ${meant}?`
}

type Issue = Parameters<z.core.$ZodErrorMap>[0]

const kinds: Readonly<Record<string, string>> = {
  array: 'a list, each entry after "- "',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a block of keys and values, as in "key: value"',
  string: 'text',
  tuple: 'a list, each entry after "- "',
}

/** By the expected kind and the kind found. */
const cures: Readonly<Record<string, string>> = {
  'boolean, not text': 'remove the quotes',
  'int, not text': 'write digits only, without quotes and unit',
  'number, not text': 'write digits only, without quotes and unit',
  'string, not a number': 'put it in quotes',
  'string, not true or false': 'put it in quotes',
}

/** Never contains the value found: it might be a secret in the wrong place. */
export function messageFor(issue: Issue): string | undefined {
  const expectation = expectationOf(issue)
  if (expectation === undefined) return undefined
  if (issue.input === undefined) return `is missing; it must be ${expectation}`
  if (issue.input === null) return `has no value; it must be ${expectation}`
  if (issue.code !== 'invalid_type') return `must be ${expectation}`
  const found = foundKind(issue.input)
  const cure = cures[`${issue.expected}, not ${found}`]
  const contrast = found === undefined ? '' : `, not ${found}`
  return `must be ${expectation}${contrast}${cure === undefined ? '' : `; ${cure}`}`
}

function expectationOf(issue: Issue): string | undefined {
  if (issue.code === 'invalid_type') return kinds[issue.expected]
  if (issue.code === 'invalid_value') return oneOf(issue.values)
  if (issue.code === 'too_big') return `${issue.maximum} or less`
  if (issue.code === 'too_small')
    return issue.origin === 'number' ? `${issue.minimum} or more` : 'given: it is empty'
  if (issue.code === 'invalid_union' && Array.isArray(issue['options']))
    return oneOf(issue['options'])
  return undefined
}

function oneOf(values: readonly unknown[]): string {
  const last = String(values.at(-1))
  return values.length === 1 ? last : `${values.slice(0, -1).join(', ')} or ${last}`
}

function foundKind(input: unknown): string | undefined {
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'string') return 'text'
  if (typeof input === 'number') return Number.isInteger(input) ? 'a number' : 'a fraction'
  return typeof input === 'boolean' ? 'true or false' : 'a block of keys'
}
