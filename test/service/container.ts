/**
 * The image cannot be built where no container runtime is. So its steps run here one by one, each stage
 * in a folder that stands for its root, and the result serves as another user.
 */
import { execFileSync, spawn, spawnSync, type SpawnSyncOptions } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { event } from '../fixtures/command.ts'
import { folder } from '../fixtures/folder.ts'
import { pushCertificate } from '../fixtures/identity.ts'
import { freePort } from '../fixtures/port.ts'
import { writeConfiguration } from '../fixtures/stage.ts'
import { without } from '../fixtures/tool.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const dockerfile = join(repository, 'docs/container/Dockerfile')

interface Step {
  readonly instruction: string
  readonly text: string
}

const steps: readonly Step[] = readFileSync(dockerfile, 'utf8')
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
  .map((line) => {
    const [instruction = '', ...words] = line.split(' ')
    return { instruction, text: words.join(' ') }
  })

/** What each instruction that is no step of the build says, of the last stage. */
const setting = (name: string): string =>
  steps.filter(({ instruction }) => instruction === name).at(-1)?.text ?? ''

const noRegistry = /code (ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT)/

t.test('hadolint has nothing to say', { skip: without('hadolint') }, (t) => {
  const { status, stdout } = spawnSync('hadolint', [dockerfile], { encoding: 'utf8' })
  t.same({ status, stdout }, { status: 0, stdout: '' })
  t.end()
})

/** Copies what Git would bring, as `COPY . .` in a clean clone. */
function copyRepository(to: string): void {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: repository, encoding: 'utf8' })
  for (const path of tracked.split('\0').filter((name) => !/^(captures\/|$)/.test(name)))
    cpSync(join(repository, path), join(to, path))
}

/** Runs the steps. @returns the root of the last stage, or what kept npm from its registry */
function build(directory: string): { readonly root: string } | { readonly missing: string } {
  const roots = new Map<string, string>()
  let root = ''
  let workingDirectory = ''
  for (const { instruction, text } of steps) {
    if (instruction === 'FROM') {
      root = join(directory, text.split(' AS ')[1] ?? 'last')
      roots.set(basename(root), root)
      workingDirectory = root
    }
    if (instruction === 'WORKDIR') workingDirectory = join(root, text)
    mkdirSync(workingDirectory, { recursive: true })
    if (instruction === 'COPY' && text === '. .') copyRepository(workingDirectory)
    const [, stage, from = '', to = ''] = /^--from=(\w+) (\S+) (\S+)$/.exec(text) ?? []
    if (instruction === 'COPY' && stage !== undefined)
      cpSync(join(roots.get(stage) ?? '', from), join(root, to), { recursive: true })
    if (instruction !== 'RUN') continue
    const script = text.replaceAll(/(?<= )\/(?=[a-z])/g, `'${root}'/`)
    const env = { ...process.env, npm_config_prefer_offline: 'true', npm_config_fetch_retries: '0' }
    const run = spawnSync('sh', ['-c', script], { cwd: workingDirectory, env, encoding: 'utf8' })
    const [missing] = noRegistry.exec(run.stderr) ?? []
    if (missing !== undefined) return { missing }
    if (run.status !== 0) throw new Error(`RUN ${text}: ${run.stderr}`)
  }
  return { root }
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly dev?: true; readonly optional?: true }>
  >
}

const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as Lock

/** `name@version` that package-lock.json has for every user; the rest depends on the machine. */
const locked = Object.entries(lock.packages).flatMap(([path, { version = '', dev, optional }]) =>
  path === '' || dev === true || optional === true
    ? []
    : [`${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`],
)

/** `name@version` of what the package brought along. npm may put it elsewhere than the lock does. */
function installed(root: string): string[] {
  const own = join(root, 'opt/apns-legacy-proxy/lib/node_modules/apns-legacy-proxy/node_modules')
  return readdirSync(own, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|node_modules\/)(@[^/]+\/)?[^/]+\/package\.json$/.test(path))
    .map((path) => JSON.parse(readFileSync(join(own, path), 'utf8')) as Package)
    .map(({ name, version }) => `${name}@${version}`)
}

interface Package {
  readonly name: string
  readonly version: string
}

t.test('the steps of the Dockerfile make what serves without root', async (t) => {
  const directory = join(folder(t), 'Öl und Gas')
  const built = build(directory)
  if ('missing' in built) {
    t.pass('builds', { skip: `dependencies neither cached nor to be had: ${built.missing}` })
    return
  }
  const command = join(built.root, 'opt/apns-legacy-proxy/bin', setting('ENTRYPOINT').slice(2, -2))
  t.ok(statSync(command).isFile())
  const brought = installed(built.root)
  t.same(
    locked.filter((version) => !brought.includes(version)),
    [],
    'the versions that were tested',
  )

  const configuration = join(directory, 'configuration')
  mkdirSync(configuration)
  const port = await freePort()
  const sender = await pushCertificate('com.example.app')
  const path = writeConfiguration(configuration, sender, 'https://127.0.0.1:9', {
    file: { admin: { port }, dataDirectory: '${CONTAINER_DATA}' },
  })
  const data = join(directory, 'data')
  mkdirSync(data)
  const asUser: SpawnSyncOptions = {}
  if (process.getuid?.() === 0) {
    const user = Number(setting('USER'))
    for (const owned of [data, configuration]) chownSync(owned, user, user)
    for (const name of readdirSync(configuration)) chownSync(join(configuration, name), user, user)
    for (const passed of [directory, dirname(directory)]) chmodSync(passed, 0o755)
    execFileSync('chmod', ['-R', 'a-w', join(built.root, 'opt')])
    Object.assign(asUser, { uid: user, gid: user })
  }
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    NODE_ENV: 'production',
    APNS_LEGACY_PROXY_CONFIG: path,
    CONTAINER_DATA: data,
  }
  const args = JSON.parse(setting('CMD')) as string[]
  const child = spawn(command, args, { ...asUser, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()))
  const closed = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await closed
  })
  t.match(await event(output, 'proxy.ready'), { listeners: [{ kind: 'gateway' }] })

  const [, healthText = ''] = /CMD (\[.*\])$/.exec(setting('HEALTHCHECK')) ?? []
  const [node = '', ...health] = JSON.parse(healthText.replace('9195', String(port))) as string[]
  t.equal(spawnSync(node, health, { env }).status, 0, 'healthy')
  child.kill('SIGTERM')
  t.same(await closed, [0, null])
  t.equal(spawnSync(node, health, { env }).status, 1, 'no longer healthy')
})
