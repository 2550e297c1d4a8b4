/** What `report` does: finds out what it would take to retire each sender. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readCensus } from '../census-keeper.ts'
import { markdownOf, reportOf, type Report } from '../census/report.ts'
import { folderFor } from '../cluster/worker.ts'
import { ConfigError } from '../config/config-error.ts'

/** What the command line says. */
export interface ReportArguments {
  readonly config: string | undefined
  readonly admin: string | undefined
  readonly dataDirectory?: string | undefined
  readonly json?: boolean | undefined
}

/**
 * Prints the report of the running proxy, or of what the last one left.
 * @throws Error that names the option to correct where neither can be had
 */
export async function report(args: ReportArguments): Promise<void> {
  const places = await placesOf(args)
  for (const [worker, place] of places.entries()) {
    const made = await makeReport(place)
    if (args.json !== true && places.length > 1)
      process.stdout.write(`Worker ${worker} has served its share of the connections:\n\n`)
    process.stdout.write(args.json === true ? `${JSON.stringify(made)}\n` : markdownOf(made))
  }
}

/** Where a proxy is and what it leaves behind; undefined = not known. */
interface Place {
  readonly admin: string | undefined
  readonly dataDirectory: string | undefined
  /** Of the admin listener. */
  readonly token?: string | undefined
}

/** Where `serve` without a configuration has both. */
const rehearsal: Place = {
  admin: 'http://127.0.0.1:9195',
  dataDirectory: join('data', 'rehearsal', 'store'),
}
const patienceMs = 5000

/** One for each worker. */
async function placesOf({ config, admin, dataDirectory }: ReportArguments): Promise<Place[]> {
  if (admin !== undefined && config === undefined) return [{ admin, dataDirectory: undefined }]
  if (dataDirectory !== undefined) return [{ admin: undefined, dataDirectory }]
  const file = config ?? 'proxy.yaml'
  if (config === undefined && !existsSync(file)) return [rehearsal]
  const { examineConfiguration } = await import('../config/configuration.ts')
  const { parts, problems, loaded, configuration } = examineConfiguration(file)
  if (parts === undefined) throw new ConfigError(file, problems)
  const token = loaded.adminToken
  if (admin !== undefined) return [{ admin, dataDirectory: undefined, token }]
  const directory = parts.dataDirectory
  return Array.from({ length: configuration?.workers ?? 1 }, (_, worker) => ({
    admin: parts.admin && addressOf(parts.admin, worker),
    dataDirectory: directory && folderFor(worker, directory),
    token,
  }))
}

/** One that is bound to a port of the system's choice is in the log alone. */
function addressOf(
  { host, port }: { host: string; port: number },
  worker: number,
): string | undefined {
  if (port === 0) return undefined
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port + worker}`
}

async function makeReport({ admin, dataDirectory, token }: Place): Promise<Report> {
  const asked = admin === undefined ? undefined : await ask(admin, token)
  if (asked !== undefined) return asked
  const left = dataDirectory === undefined ? undefined : readCensus(dataDirectory)
  if (left === undefined) throw new Error(nothingKnown({ admin, dataDirectory }))
  if (admin !== undefined)
    console.error(`No proxy answers at ${admin}; this is what the last one left.`)
  return reportOf(left, Date.now())
}

/** Undefined where nothing listens. */
async function ask(admin: string, token: string | undefined): Promise<Report | undefined> {
  let response
  try {
    response = await fetch(new URL('/api/report', admin), {
      signal: AbortSignal.timeout(patienceMs),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    })
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw new Error(`${admin} does not answer (${reasonOf(error)}); correct --admin`, {
      cause: error,
    })
  }
  if (response.status === 401)
    throw new Error(
      `${admin} asks for its token; name the configuration, whose admin.tokenFile has it, with --config`,
    )
  if (!response.ok)
    throw new Error(
      `${admin} answers ${response.status}; name the admin listener of a proxy of this version ` +
        'with --admin',
    )
  return (await response.json()) as Report
}

function isRefusal(error: unknown): boolean {
  return reasonOf(error) === 'ECONNREFUSED'
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message
}

function nothingKnown({ admin, dataDirectory }: Place): string {
  const asked = admin === undefined ? [] : [`no proxy answers at ${admin}`]
  const read = dataDirectory === undefined ? [] : [`${dataDirectory} has no census.json in it`]
  return (
    `Nothing is known of any sender: ${[...asked, ...read].join(', and ')}.\n` +
    'Start the proxy, or name its configuration with --config, its admin listener with --admin, or ' +
    'the data directory that it has left with --data-directory.'
  )
}
