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
    .map((candidate) => {
      const most = 1 + candidate.length / 5
      return { candidate, distance: distanceOf(plain(key), plain(candidate), most) }
    })
    .filter(({ distance }) => distance < Infinity)
    .sort((a, b) => a.distance - b.distance)
  return nearest === undefined
    ? 'is not a known key; correct its spelling or remove it'
    : `is not a known key; did you mean ${nearest.candidate}?`
}

/**
 * Counts letters to insert, remove, replace or swap with their neighbour.
 * @param most Infinity is returned for a greater distance
 */
function distanceOf(a: string, b: string, most: number): number {
  const difference = Math.abs(a.length - b.length)
  if (difference > most) return Infinity
  if (a === '' || b === '') return difference
  if (a[0] === b[0]) return distanceOf(a.slice(1), b.slice(1), most)
  const swapped = a[0] === b[1] && a[1] === b[0]
  return (
    1 +
    Math.min(
      distanceOf(a.slice(1), b, most - 1),
      distanceOf(a, b.slice(1), most - 1),
      distanceOf(a.slice(1), b.slice(1), most - 1),
      swapped ? distanceOf(a.slice(2), b.slice(2), most - 1) : Infinity,
    )
  )
}

/** Case and hyphens do not count. */
function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '')
}
