/** Loads node-forge at its first use: loading takes a third of a command's start, and PEM files need none of it. */
import { createRequire } from 'node:module'
import type Forge from 'node-forge'

const require = createRequire(import.meta.url)

export function forge(): typeof Forge {
  return require('node-forge') as typeof Forge
}

/** What the declared types lack. */
interface DerReader {
  fromDer(bytes: string, options: typeof firstValue): Forge.asn1.Asn1
}

/** Reads one value, whatever is behind it. */
export const firstValue = { strict: true, parseAllBytes: false, decodeBitStrings: true }

/** The ASN.1 reader and writer of node-forge alone. */
export function forgeAsn1(): typeof Forge.asn1 & DerReader {
  return require('node-forge/lib/asn1.js') as typeof Forge.asn1 & DerReader
}
