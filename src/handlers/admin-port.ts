/** Finds the admin ports of a proxy, and sends them requests with the token of the configuration. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../config/config-error.ts'
import { CommandError, ExitCode } from './exit-code.ts'

/** Where one process of a proxy is. */
export interface Place {
  /** URL of the admin listener. Undefined for port 0: only the log has the port that the system chose. */
  readonly admin?: string | undefined
  readonly dataDirectory?: string | undefined
  /** Of the admin listener. */
  readonly token?: string | undefined
}

/** The admin listener of one process. */
export interface Listener {
  readonly admin: string
  readonly token: string | undefined
}

/** @throws Error if the address is not known */
export function listenerOf({ admin, token }: Place): Listener {
  if (admin === undefined)
    throw new Error(
      'admin.port is 0; name the address that the log has as proxy.ready with --admin',
    )
  return { admin, token }
}

/** Both sources of a `serve` without a configuration. */
const rehearsal: Place = {
  admin: 'http://127.0.0.1:9195',
  dataDirectory: join('data', 'rehearsal', 'store'),
}
const answerTimeoutMs = 5000

/**
 * One place for each worker.
 * @throws {ConfigError} if the configuration cannot be read
 */
export async function placesOf({
  config,
  admin,
}: {
  readonly config?: string | undefined
  readonly admin?: string | undefined
}): Promise<Place[]> {
  if (admin !== undefined && !URL.canParse(admin))
    throw new CommandError(ExitCode.usage, `--admin ${admin}: write http://host:port`)
  if (admin !== undefined && config === undefined) return [{ admin }]
  const file = config ?? 'proxy.yaml'
  if (config === undefined && !existsSync(file)) return [rehearsal]
  const { examineConfiguration } = await import('../config/configuration.ts')
  const { folderFor } = await import('../cluster/worker.ts')
  const { parts, problems, loaded, configuration } = examineConfiguration(file)
  if (parts === undefined) throw new ConfigError(file, problems)
  const token = loaded.adminToken
  if (admin !== undefined) return [{ admin, token }]
  const directory = parts.dataDirectory
  return Array.from({ length: configuration?.workers ?? 1 }, (_, worker) => ({
    admin: parts.admin && addressOf(parts.admin, worker),
    dataDirectory: directory && folderFor(worker, directory),
    token,
  }))
}

function addressOf(
  { host, port }: { host: string; port: number },
  worker: number,
): string | undefined {
  if (port === 0) return undefined
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port + worker}`
}

/**
 * @param path of `admin`
 * @returns undefined if nothing listens at the address
 * @throws Error that names the option to correct
 */
export async function askAdmin(
  admin: string,
  token: string | undefined,
  path: string,
  method: 'GET' | 'POST' = 'GET',
  timeout: 'short' | 'unlimited' = 'short',
): Promise<Response | undefined> {
  let response
  try {
    response = await fetch(new URL(path, admin), {
      method,
      signal: timeout === 'short' ? AbortSignal.timeout(answerTimeoutMs) : null,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(method === 'POST' && {
          'content-type': 'application/json',
          'x-requested-by': 'apns-legacy-proxy',
        }),
      },
    })
  } catch (cause) {
    const reason = reasonOf(cause)
    if (reason === 'ECONNREFUSED') return undefined
    throw new Error(`${admin} does not answer (${reason}); correct --admin`, { cause })
  }
  if (response.status === 401)
    throw new Error(
      `${admin} requires its token; name the configuration with admin.tokenFile with --config`,
    )
  return response
}

/** The JSON of an answer; undefined if the answer is none. */
export function jsonOf(response: Response): Promise<unknown> {
  return response.json().catch(() => undefined)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message
}
