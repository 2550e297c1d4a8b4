/** node-forge, loaded at its first use: it takes a third of a command's start, and PEM needs none of it. */
import { createRequire } from 'node:module'
import type Forge from 'node-forge'

const require = createRequire(import.meta.url)

/** All of it. */
export function forge(): typeof Forge {
  return require('node-forge') as typeof Forge
}

/** Its reader and writer of ASN.1 alone. */
export function forgeAsn1(): typeof Forge.asn1 {
  return require('node-forge/lib/asn1.js') as typeof Forge.asn1
}
