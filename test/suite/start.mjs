/**
 * Runs the suites of `unit`, `integration` or `all`, and shows their results with tap's reporter. tap
 * itself does not run them: what tap loads into each process, and into each command that a test
 * starts, doubles the time.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const [layer = 'all'] = process.argv.slice(2)
const build = fileURLToPath(new URL('../../src/build.mjs', import.meta.url))
execFileSync(process.execPath, [build], { stdio: 'inherit' })
const suites = fileURLToPath(new URL(`${layer}.ts`, import.meta.url))
const tests = spawn(process.execPath, ['--import', 'tsx', suites], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
// An npm script has node_modules/.bin in its PATH. What is kept of a log is its end, so in a pipe the
// reporter shows what failed, and no more.
const reporter = spawn('tap', process.stdout.isTTY ? ['-'] : ['--reporter=min', '-'], {
  stdio: ['pipe', 'inherit', 'inherit'],
  shell: process.platform === 'win32',
})
tests.stdout.pipe(reporter.stdin)
reporter.once('error', () => tests.kill())
reporter.once('exit', () => tests.kill())
reporter.stdin.on('error', () => undefined)
// Ctrl-C reaches both; this process waits for them.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => tests.kill('SIGTERM'))
// tap takes no output at all for success, so both have to agree.
const codes = await Promise.all([tests, reporter].map((child) => once(child, 'close')))
process.exitCode = codes.every(([code]) => code === 0) ? 0 : 1
