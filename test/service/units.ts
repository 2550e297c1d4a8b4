/** The units for systemd, launchd and WinSW that the package brings: well-formed, and true to the program. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import yargs from 'yargs'
import { serve } from '../../src/commands/serve.ts'
import { ExitCode } from '../../src/handlers/exit-code.ts'
import { configurationSchema } from '../../src/config/schema.ts'
import { builtCommand } from '../fixtures/command.ts'
import { folder } from '../fixtures/folder.ts'
import { without } from '../fixtures/tool.ts'

const units = new URL('../../docs/systemd/', import.meta.url)
const service = readFileSync(new URL('apns-legacy-proxy.service', units), 'utf8')
const noSystemd = without('systemd-analyze')

function valueOf(key: string, unit = service): string {
  return new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
}

t.test('systemd-analyze verify has nothing to say', { skip: noSystemd }, (t) => {
  const directory = folder(t)
  const paths = readdirSync(units).map((name) => {
    const text = readFileSync(new URL(name, units), 'utf8')
    writeFileSync(
      join(directory, name),
      text.replace('ExecStart=apns-legacy-proxy', `ExecStart=${builtCommand[1] ?? ''}`),
    )
    return join(directory, name)
  })
  t.equal(paths.length, 3)
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...paths], {
    encoding: 'utf8',
  })
  t.same({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
  t.end()
})

t.test('the exit codes in the unit are those of the command', (t) => {
  t.equal(valueOf('RestartPreventExitStatus'), String(ExitCode.configuration))
  t.equal(valueOf('SuccessExitStatus'), String(ExitCode.unsettled))
  t.end()
})

t.test('systemd is more patient than the drain', (t) => {
  const { drainSeconds } = configurationSchema('.').shape
  t.ok(Number(valueOf('TimeoutStopSec')) > drainSeconds.parse(undefined))
  t.end()
})

t.test('each socket unit has the port and the name of the listener of its kind', (t) => {
  const { listeners } = configurationSchema('.').shape
  for (const kind of ['gateway', 'feedback']) {
    const file = `apns-legacy-proxy-${kind}.socket`
    const unit = readFileSync(new URL(file, units), 'utf8')
    t.match(listeners.parse([{ kind }]), [
      {
        port: Number(valueOf('ListenStream', unit)),
        socket: valueOf('FileDescriptorName', unit),
      },
    ])
    t.ok(valueOf('Sockets').split(' ').includes(file))
  }
  t.end()
})

const plist = read('launchd/apns-legacy-proxy.plist')
const winsw = read('windows/apns-legacy-proxy.xml')

function read(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
}

/** The arguments of the program, and the seconds that it gets to stop. */
const others = [
  {
    name: 'launchd',
    text: plist,
    args: [...(/<array>.*?<\/array>/s.exec(plist)?.[0] ?? '').matchAll(/<string>(.*)<\/string>/g)]
      .map(([, value = '']) => value)
      .slice(1),
    stopSeconds: Number(/<key>ExitTimeOut<\/key>\s*<integer>(\d+)</.exec(plist)?.[1]),
  },
  {
    name: 'WinSW',
    text: winsw,
    args: [
      ...(/<arguments>(.*)<\/arguments>/.exec(winsw)?.[1] ?? '').matchAll(/"([^"]*)"|(\S+)/g),
    ].map(([, quoted, bare]) => quoted ?? bare ?? ''),
    stopSeconds: Number(/<stoptimeout>(\d+) sec</.exec(winsw)?.[1]),
  },
] as const

for (const { name, text, args, stopSeconds } of others) {
  t.test(`${name}: the file is well-formed XML`, { skip: without('python3') }, (t) => {
    const script = 'import sys, xml.dom.minidom as dom; dom.parseString(sys.stdin.buffer.read())'
    const { status, stderr } = spawnSync('python3', ['-c', script], { input: text })
    t.equal(status, 0, stderr.toString())
    t.end()
  })

  t.test(`${name}: runs serve with a configuration`, async (t) => {
    const [program = '', ...words] = args
    t.match(program, /node_modules[/\\]apns-legacy-proxy[/\\]dist[/\\]cli\.js$/)
    const parsed = await yargs(words)
      .command({ ...serve, handler: () => undefined })
      .strict()
      .exitProcess(false)
      .fail((message: string | undefined, error: Error | undefined) => {
        throw error ?? new Error(message)
      })
      .parseAsync()
    t.same(parsed._, ['serve'])
    t.match(parsed['config'], /proxy\.yaml$/)
  })

  t.test(`${name}: is more patient than the drain`, (t) => {
    const { drainSeconds } = configurationSchema('.').shape
    t.ok(stopSeconds > drainSeconds.parse(undefined), String(stopSeconds))
    t.end()
  })
}
