/** The built code, typed by its source: what runs in production is what is measured. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type * as decoder from '../../src/binary/decoder.ts'
import type * as encoder from '../../src/binary/encoder.ts'
import type * as clock from '../../src/timing/clock.ts'
import type * as authority from '../../src/credentials/authority.ts'
import type * as providerApi from '../../src/simulator/provider-api.ts'

interface Modules {
  readonly 'binary/decoder': typeof decoder
  readonly 'binary/encoder': typeof encoder
  readonly 'timing/clock': typeof clock
  readonly 'credentials/authority': typeof authority
  readonly 'simulator/provider-api': typeof providerApi
}

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The path of a file of the repository. */
export function pathOf(file: string): string {
  return `${root}${file}`
}

/** Imports a module of `dist`. */
export async function built<Name extends keyof Modules>(name: Name): Promise<Modules[Name]> {
  return (await import(new URL(`../../dist/${name}.js`, import.meta.url).href)) as Modules[Name]
}

/** Builds if nothing is built yet; whether what is there is older than its source. */
export function ensureBuilt(): { readonly stale: boolean } {
  if (!existsSync(pathOf('dist/cli.js')))
    execFileSync('npm', ['run', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return { stale: newest('src') > newest('dist') }
}

function newest(folder: string): number {
  const files = readdirSync(pathOf(folder), { recursive: true, encoding: 'utf8' })
  return Math.max(...files.map((file) => statSync(pathOf(`${folder}/${file}`)).mtimeMs))
}
