/** Messages about unknown keys, with the known key that was probably meant. */
import { z } from 'zod'

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
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: distanceOf(key, candidate) }))
    .filter(({ candidate, distance }) => distance <= 1 + candidate.length / 5)
    .sort((a, b) => a.distance - b.distance)
  return nearest === undefined
    ? 'is not a known key; correct its spelling or remove it'
    : `is not a known key; did you mean ${nearest.candidate}?`
}

/** Counts letters to insert, remove, replace or swap with their neighbour. Ignores case and hyphens. */
function distanceOf(left: string, right: string): number {
  const a = plain(left)
  const b = plain(right)
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let row = 1; row <= a.length; row++) {
    const costs = (rows[row] = [row])
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      costs[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + same,
        swapped ? at(row - 2, column - 2) + 1 : Infinity,
      )
    }
  }
  return at(a.length, b.length)
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '')
}
