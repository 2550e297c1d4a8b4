/** Finds the word that was meant, by the number of mistyped letters. */

/** The known word that is nearest to `word`; undefined if none is near. */
export function meantBy(word: string, known: readonly string[]): string | undefined {
  const [nearest] = known
    .map((candidate) => {
      const most = 1 + candidate.length / 5
      return { candidate, distance: distanceOf(plain(word), plain(candidate), most) }
    })
    .filter(({ distance }) => distance < Infinity)
    .sort((a, b) => a.distance - b.distance)
  return nearest?.candidate
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
