/** A line of a header list, and what HPACK counts for it. */

/** Octets as latin1. */
export type HeaderField = readonly [name: string, value: string]

/** Bytes that a field takes of a table or a list. — source: RFC 7541, 4.1; RFC 9113, 6.5.2 */
export function fieldBytes([name, value]: HeaderField): number {
  return name.length + value.length + 32
}
