/** Every printed command can be typed as it stands. */
import t from 'tap'
import { ownCommand } from '../../src/handlers/own-command.ts'

const rows: readonly (readonly [
  how: string,
  directory: string,
  script: string,
  printed: string,
])[] = [
  ['in a checkout', '/srv/proxy', '/srv/proxy/dist/cli.js', 'node dist/cli.js'],
  ['below a checkout', '/srv/proxy/data', '/srv/proxy/dist/cli.js', 'node /srv/proxy/dist/cli.js'],
  ['in a folder with a space', '/', '/srv/my proxy/dist/cli.js', "node 'srv/my proxy/dist/cli.js'"],
  ['installed for all', '/home/a', '/usr/bin/apns-legacy-proxy', 'apns-legacy-proxy'],
  [
    'installed in a project',
    '/srv/project',
    '/srv/project/node_modules/.bin/apns-legacy-proxy',
    'npx apns-legacy-proxy',
  ],
  [
    'installed, and started by its file',
    '/srv/project',
    '/srv/project/node_modules/apns-legacy-proxy/dist/cli.js',
    'node node_modules/apns-legacy-proxy/dist/cli.js',
  ],
]

for (const [how, directory, script, printed] of rows)
  t.test(how, (t) => {
    t.equal(ownCommand(directory, script), printed)
    t.end()
  })
