/** How a user starts this program, so that every printed command works as printed. */
import { basename, relative } from 'node:path'

const installedName = 'apns-legacy-proxy'

/**
 * The command that started this process: the name of an installed package, `npx`, or
 * `node dist/cli.js` in a checkout. There npx is slower and does not forward signals.
 *
 * @param directory where the user types
 * @param script as in `process.argv[1]`
 */
export function ownCommand(directory = process.cwd(), script = process.argv[1] ?? ''): string {
  if (/[/\\]node_modules[/\\]\.bin[/\\]/.test(script)) return `npx ${installedName}`
  if (basename(script) === installedName) return installedName
  const near = relative(directory, script)
  return `node ${quoted(near.startsWith('..') ? script : near)}`
}

/** The path as a shell reads it back, quoted if needed. */
export function quoted(path: string): string {
  return /^[\w./:@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
