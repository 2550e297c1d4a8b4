/** The same faults in all commands: exit code and text, compared with a table written by hand. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { commands } from '../../src/commands/command-line.ts'
import { runCommand } from '../fixtures/command.ts'
import { folder } from '../fixtures/folder.ts'

const encrypted = fileURLToPath(new URL('../fixtures/credentials/push-modern.p12', import.meta.url))
const open = fileURLToPath(new URL('../fixtures/credentials/push-combined.pem', import.meta.url))
const directory = folder(t)
const at = (name: string): string => join(directory, name)
writeFileSync(at('empty'), '')
writeFileSync(at('wrong.pass'), 'wrong\n')
writeFileSync(at('unreadable'), '00')
chmodSync(at('unreadable'), 0)

const missing = /(gone|none).*there is no such file/s
const isFolder = /folder/
const noPermission = /no permission|let the user that runs the proxy read it/
const isEmpty = /empty/
const help = /\nSee .* --help\n$/

/** Files: `gone` is missing, `.` is a folder. */
const table: readonly (readonly [line: string, code: number, message: RegExp])[] = [
  // A missing file.
  ['serve -c gone', 78, missing],
  ['check -c gone --offline', 1, /^$/],
  ['overrule -c gone --route a', 78, missing],
  ['report -c gone', 78, missing],
  ['told -c gone', 78, missing],
  ['send --certificate gone --token 00', 78, missing],
  ['feedback --certificate gone', 78, missing],
  ['replay open --certificate gone', 78, missing],
  ['init gone', 78, missing],
  ['simulate --signing-key gone --key-id ABCDEFGHIJ --team-id ABCDEFGHIJ', 78, missing],
  ['send --certificate open --ca gone --token 00', 78, missing],
  ['decode gone', 66, missing],
  ['replay gone --certificate open', 66, missing],
  ['send --certificate open --file gone', 66, missing],
  ['told --data-directory gone', 66, /^There is no store in gone/],
  ['report --data-directory gone', 66, /gone contains no census\.json/],
  // A folder instead of a file.
  ['serve -c .', 78, isFolder],
  ['report -c .', 78, isFolder],
  ['send --certificate . --token 00', 78, isFolder],
  ['init .', 78, isFolder],
  ['decode .', 66, isFolder],
  ['replay . --certificate open', 66, isFolder],
  ['send --certificate open --file .', 66, isFolder],
  ['simulate --port 0 --record .', 1, /--record \.: the file cannot be written/],
  ['simulate --port 0 --data-directory empty', 1, /empty\S*: a part of this path is a file/],
  ['serve --data-directory empty', 1, /empty\S*: a part of this path is a file/],
  // A file without content.
  ['serve -c empty', 78, isEmpty],
  ['send --certificate empty --token 00', 78, isEmpty],
  ['init empty', 78, isEmpty],
  ['decode empty', 66, isEmpty],
  ['replay empty --certificate open', 66, isEmpty],
  ['send --certificate open --file empty', 66, isEmpty],
  // A passphrase.
  ['send --certificate encrypted --token 00', 78, /no passphrase was given/],
  ['feedback --certificate encrypted', 78, /no passphrase was given/],
  ['init encrypted', 78, /no passphrase was given/],
  ['send --certificate encrypted --passphrase-file wrong.pass --token 00', 78, /passphrase/],
  ['init encrypted --passphrase-file wrong.pass', 78, /no given passphrase decrypts it/],
  // Options and commands.
  [
    'check --confg x',
    64,
    /^There is no option --confg\. Did you mean --config\?\nSee .* check --help$/m,
  ],
  ['send --certifcate x', 64, /Did you mean --certificate\?/],
  ['check -config x', 64, /^There is no option -config\. Did you mean --config\?/],
  ['simulate --environment prod', 64, /^--environment "prod": choose one of "production", /],
  ['serve --capture-tokens', 64, /^--capture-tokens has an effect only with --capture; give both/],
  ['check -c a -c b', 64, /^--config is there twice; give it once/],
  ['check extra', 64, /^extra: the command takes no such argument/],
  ['decode', 64, /^Name the file\n/],
  ['overrule', 64, /^Give --route\n/],
  ['report --admin nowhere', 64, /^--admin nowhere: write http:/],
  ['init', 64, /^Name your credentials/],
  ['feedback --certificate x --port 0', 64, /^--port: write a whole number/],
  ['serv', 1, /^There is no command serv\. Did you mean serve\?\n/],
  ['', 1, /^Give a command\./],
  // A closed port.
  ['send --certificate open --port 1 --token 00', 1, /nothing listens there/],
  ['feedback --certificate open --port 1', 1, /nothing listens there/],
  ['report --admin http://127.0.0.1:2', 1, /no proxy answers at http:/],
  ['overrule --route a --yes --admin http://127.0.0.1:2', 1, /No proxy answers at http:/],
]

for (const [line, code, message] of table)
  t.test(line, async (t) => {
    const names: Readonly<Record<string, string>> = { encrypted, open }
    const args = line.split(' ').filter((word) => word !== '')
    const typed = args.map((word) => names[word] ?? word)
    const result = await runCommand(t, typed, directory)
    t.equal(result.code, code)
    t.match(result.stderr, message)
    t.notMatch(result.stderr, /\n\s+at .*:\d+|ENOENT|EISDIR|EACCES|ENOTDIR|EEXIST/)
    if (code === 64) {
      t.match(result.stderr, help)
      t.equal(result.stderr.trim().split('\n').length, 2)
    }
  })

t.test('a file that this user may not read', { skip: process.getuid?.() === 0 }, async (t) => {
  const rows: readonly (readonly [readonly string[], number])[] = [
    [['decode', 'unreadable'], 66],
    [['serve', '-c', 'unreadable'], 78],
    [['send', '--certificate', 'unreadable', '--token', '00'], 78],
  ]
  for (const [args, code] of rows)
    t.match(await runCommand(t, args, directory), { code, stderr: noPermission })
})

t.test('every unknown option is told alike', async (t) => {
  for (const name of Object.keys(commands)) {
    const { code, stderr } = await runCommand(t, [name, '--helpp'], directory)
    t.equal(code, 64, name)
    t.match(stderr, /^There is no option --helpp\. Did you mean --help\?\nSee .* --help\n$/, name)
  }
})
