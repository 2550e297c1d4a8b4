/** What each command loads: a start costs what is loaded, so a command loads what it needs. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { builtCommand } from '../fixtures/command.ts'
import { folder } from '../fixtures/folder.ts'

const root = pathToFileURL(fileURLToPath(new URL('../../', import.meta.url))).href
const recorder = fileURLToPath(new URL('../fixtures/apart/loaded.mjs', import.meta.url))
const credentials = fileURLToPath(new URL('../fixtures/credentials/', import.meta.url))

/** All that commands may load of the proxy. */
const versionFile = 'proxy/version.js'

/** yargs, and what it brings along. */
const yargs = [
  'ansi-regex',
  'ansi-styles',
  'color-convert',
  'color-name',
  'cliui',
  'emoji-regex',
  'escalade',
  'get-caller-file',
  'is-fullwidth-code-point',
  'require-directory',
  'string-width',
  'strip-ansi',
  'wrap-ansi',
  'y18n',
  'yargs',
  'yargs-parser',
]

/** Folders and files of dist, and packages, that a program with arguments loads. */
function loadedBy(t: Test, args: readonly string[]): { ours: string[]; packages: string[] } {
  const [node = '', program = ''] = builtCommand
  const file = join(folder(t), 'loaded')
  writeFileSync(file, '')
  spawnSync(node, ['--import', pathToFileURL(recorder).href, program, ...args], {
    env: { ...process.env, LOADED: file },
    timeout: 60_000,
  })
  const urls = readFileSync(file, 'utf8').trim().split('\n')
  const within = (folder: string): string[] =>
    urls
      .filter((url) => url.startsWith(`${root}${folder}/`))
      .map((url) => url.slice(root.length + folder.length + 1))
  const ours = within('dist').map((path) =>
    path === versionFile ? path : path.replace(/\/.*/, '/'),
  )
  const packages = within('node_modules').map(
    (path) => /^(?:@[^/]+\/)?[^/]+/.exec(path.replace(/^.*\/node_modules\//, ''))?.[0] ?? path,
  )
  return { ours: [...new Set(ours)].sort(), packages: [...new Set(packages)].sort() }
}

t.test('--version loads nothing but the version', (t) => {
  t.same(loadedBy(t, ['--version']), { ours: ['cli.js', versionFile], packages: [] })
  t.end()
})

/** The command line alone. Of the simulator, it knows the names of its moods. */
const commandLine = ['cli.js', 'commands/', 'handlers/', versionFile, 'simulator/']

for (const command of [
  '',
  'init',
  'check',
  'serve',
  'send',
  'feedback',
  'decode',
  'replay',
  'report',
  'overrule',
  'reload',
  'stop',
  'told',
  'simulate',
])
  t.test(`${command} --help loads the command line alone`, (t) => {
    const { ours, packages } = loadedBy(t, [...command.split(' ').filter(Boolean), '--help'])
    t.same(ours, commandLine)
    t.same(
      packages.filter((name) => !yargs.includes(name)),
      [],
    )
    t.end()
  })

const push = `${credentials}push-combined.pem`
const acting = ['binary/', 'config/', 'credentials/', 'sender/', 'timing/']
const decoding = ['binary/', 'capture/']

/** Port 1 is closed: what a sender needs has been loaded by then. */
const rows: readonly (readonly [
  args: readonly string[],
  ours: readonly string[],
  packages: readonly string[],
])[] = [
  [
    ['send', '--port', '1', '--certificate', push, '--token', '5a'],
    acting,
    ['binary-parser', 'node-forge'],
  ],
  [['feedback', '--port', '1', '--certificate', push], acting, ['binary-parser', 'node-forge']],
  [['decode', `${credentials}push.key`], decoding, ['binary-parser']],
  [
    ['report', '--data-directory', credentials],
    ['apns/', 'binary/', 'config/', 'credentials/', 'statistics/', 'timing/'],
    // zod reads what the last proxy left.
    ['binary-parser', 'zod'],
  ],
]

for (const [args, ours, packages] of rows)
  t.test(`${args[0] ?? ''} loads no part of the proxy`, (t) => {
    const loaded = loadedBy(t, args)
    t.same(
      loaded.ours.filter((name) => !commandLine.includes(name)),
      ours,
    )
    t.same(
      loaded.packages.filter((name) => !yargs.includes(name) && !packages.includes(name)),
      [],
    )
    t.end()
  })
