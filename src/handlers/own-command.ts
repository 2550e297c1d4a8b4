/** How a user starts this program, so that every printed command can be typed as it stands. */
import { basename, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const installedName = 'apns-legacy-proxy'
const program = fileURLToPath(new URL('../cli.js', import.meta.url))

/**
 * `apns-legacy-proxy` where the package is installed, `node dist/cli.js` in a checkout. Not `npx` in
 * a checkout: npm would link and rebuild it first, and a signal to npx does not reach the program.
 *
 * @param script what was started, as in `process.argv[1]`
 * @param file where this program's code is
 * @param directory where the user types
 */
export function ownCommand(
  script = process.argv[1] ?? '',
  file = program,
  directory = process.cwd(),
): string {
  const isInstalled = /[/\\]node_modules[/\\]/.test(file)
  if (isInstalled && /[/\\]node_modules[/\\]\.bin[/\\]/.test(script)) return `npx ${installedName}`
  if (isInstalled || basename(script) === installedName) return installedName
  const near = relative(directory, script)
  return `node ${quoted(near.startsWith('..') ? script : near)}`
}

/** For a shell, where a path has something special to it. */
export function quoted(path: string): string {
  return /^[\w./:@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
