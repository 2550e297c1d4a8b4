/** How a user starts this program, so that every printed command can be typed as it stands. */
import { basename, relative } from 'node:path'

const installedName = 'apns-legacy-proxy'

/**
 * As this process was started: by the name of an installed package, through npx, or as
 * `node dist/cli.js` in a checkout. There npx is slower, and a signal to npx does not reach the program.
 *
 * @param directory where the user types
 * @param script what was started, as in `process.argv[1]`
 */
export function ownCommand(directory = process.cwd(), script = process.argv[1] ?? ''): string {
  if (/[/\\]node_modules[/\\]\.bin[/\\]/.test(script)) return `npx ${installedName}`
  if (basename(script) === installedName) return installedName
  const near = relative(directory, script)
  return `node ${quoted(near.startsWith('..') ? script : near)}`
}

/** For a shell, where a path has something special to it. */
export function quoted(path: string): string {
  return /^[\w./:@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
