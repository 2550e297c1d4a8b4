/** The work of `init`: writes a configuration and certificates for the credentials of an operator. */
import { basename, join, resolve } from 'node:path'
import { systemClock } from '../timing/clock.ts'
import type { InitArguments } from '../commands/init.ts'
import {
  createAuthority,
  issueServerCertificate,
  type Authority,
} from '../credentials/authority.ts'
import { allAppleHosts, dayOf } from '../credentials/certificate.ts'
import { loadCertificateCredential } from '../credentials/credential.ts'
import { hostsOutside, nameConstraints } from '../credentials/name-constraints.ts'
import { firstLineIn } from '../credentials/secret-file.ts'
import { configurationText } from '../init/configuration-yaml.ts'
import {
  isAboutPassphrase,
  openWithAny,
  sortCredentials,
  type Opened,
  type Passphrase,
} from '../init/credential-sorter.ts'
import { writeNewFiles, type NewFile } from '../init/file-writer.ts'
import { nextSteps } from '../init/next-step.ts'
import { planRoutes } from '../init/route-plan.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import { ownCommand } from './own-command.ts'

const passphraseVariable = 'APNS_LEGACY_PROXY_PASSPHRASE'

/**
 * Writes the files and prints the next steps.
 * @throws Error that says what is missing, before it writes any file
 */
export async function init(args: InitArguments): Promise<void> {
  const now = new Date(systemClock.now())
  const { topic, keyId, teamId } = args
  const directory = resolve(args.directory)
  const fromEnvironment = passphraseInEnvironment(directory)
  const fromFiles = args.passphraseFile.map((file) => ({
    ...firstLineIn(file),
    file: resolve(file),
  }))
  const passphrases = [...fromFiles, ...fromEnvironment]
  const opened = openAll(args.files ?? [], passphrases)
  const routes = planRoutes(sortCredentials(opened), { topic, keyId, teamId }, now.getTime())
  const used = new Set(
    routes.map(({ credential }) =>
      credential.kind === 'certificate' ? credential.passphrase?.file : undefined,
    ),
  )
  const files = [
    ...(await tlsFiles(args, now)),
    ...fromEnvironment
      .filter(({ file }) => used.has(file))
      .map(({ text, file }) => ({ path: basename(file), content: `${text}\n`, secret: true })),
    {
      path: 'proxy.yaml',
      content: configurationText(ownCommand(directory), directory, routes),
      secret: false,
    },
  ]
  writeNewFiles(args.directory, files)
  const written = files.map(({ path }) => path)
  const { host: hosts } = args
  const command = ownCommand()
  console.log(nextSteps({ command, directory: args.directory, written, routes, hosts }))
}

function openAll(files: readonly string[], passphrases: readonly Passphrase[]): Opened[] {
  if (files.length === 0)
    throw new CommandError(
      ExitCode.usage,
      'Name your credentials: a push certificate with its key (.p12 or .pem), or a signing key ' +
        '(.p8) with the certificate of its sender',
    )
  return files.map((file) => {
    try {
      return openWithAny(resolve(file), passphrases)
    } catch (error) {
      throw isAboutPassphrase(error)
        ? new Error(passphraseHelp(file, passphrases), { cause: error })
        : error
    }
  })
}

function passphraseHelp(file: string, passphrases: readonly Passphrase[]): string {
  const read = passphrases.map((passphrase) => `${passphrase.file}: ${passphrase.form}`).join('; ')
  const problem =
    passphrases.length === 0
      ? 'is encrypted, and no passphrase was given'
      : `is encrypted, and no given passphrase decrypts it (first line of ${read})`
  return (
    `${file} ${problem}. Write the passphrase to a file that only you can read, and name the file ` +
    `with --passphrase-file. Or set the environment variable ${passphraseVariable}. There is no ` +
    'option for the passphrase itself, because every user of this machine could read it'
  )
}

/** Plans a file for the passphrase: the proxy reads passphrases only from files. */
function passphraseInEnvironment(directory: string): Passphrase[] {
  const text = process.env[passphraseVariable]
  return text === undefined
    ? []
    : [{ text, form: passphraseVariable, file: join(directory, 'push.pass') }]
}

async function tlsFiles(args: InitArguments, now: Date): Promise<NewFile[]> {
  const { ca, keyType } = args
  const hosts = [...allAppleHosts, ...args.host]
  const authority =
    ca === undefined
      ? await createAuthority(`apns-legacy-proxy ${dayOf(now)}`, now, nameConstraints(hosts))
      : openAuthority(ca, hosts)
  const server = await issueServerCertificate(authority, hosts, now, keyType)
  return [
    { path: 'tls/ca.pem', content: authority.certificatePem, secret: false },
    ...(ca === undefined ? [{ path: 'tls/ca.key', content: authority.keyPem, secret: true }] : []),
    { path: 'tls/server.pem', content: server.certificatePem, secret: false },
    { path: 'tls/server.key', content: server.keyPem, secret: true },
  ]
}

/** Reads the key from the `.key` file beside the certificate, where `init` writes it. */
function openAuthority(certificate: string, hosts: readonly string[]): Authority {
  const key = certificate.replace(/\.[^.]*$/, '.key')
  const authority = loadCertificateCredential({ certificate, key })
  const outside = hostsOutside(authority.certificatePem, hosts)
  if (outside.length === 0) return authority
  throw new Error(
    `--ca ${certificate}: the name constraints of this CA do not permit ${outside.join(', ')}. Omit ` +
      '--ca to make a new CA with all names of --host, and let the senders trust the new one',
  )
}
