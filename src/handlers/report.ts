/** The work of `report`: shows what it would take to migrate each sender. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readStatistics } from '../statistics/statistics-file.ts'
import { migrationReport, reportOf, type Report } from '../statistics/migration-report.ts'
import { markdownOf } from '../statistics/report-markdown.ts'
import type { ReportArguments } from '../commands/report.ts'
import { ConfigError } from '../config/config-error.ts'

/**
 * Prints the report of the running proxy, or of the last one.
 * @throws Error that names the option to correct if there is neither
 */
export async function report(args: ReportArguments): Promise<void> {
  const places = await placesOf(args)
  for (const [worker, place] of places.entries()) {
    const made = await makeReport(place)
    if (args.json !== true && places.length > 1)
      process.stdout.write(`Worker ${worker}, which has served its share of the connections:\n\n`)
    process.stdout.write(args.json === true ? `${JSON.stringify(made)}\n` : markdownOf(made))
  }
}

/** The sources of a report. */
interface Place {
  /** URL of the admin listener. */
  readonly admin?: string | undefined
  readonly dataDirectory?: string | undefined
  /** Of the admin listener. */
  readonly token?: string | undefined
}

/** Both sources of a `serve` without a configuration. */
const rehearsal: Place = {
  admin: 'http://127.0.0.1:9195',
  dataDirectory: join('data', 'rehearsal', 'store'),
}
const answerTimeoutMs = 5000

/** One place for each worker. */
async function placesOf({ config, admin, dataDirectory }: ReportArguments): Promise<Place[]> {
  if (admin !== undefined && config === undefined) return [{ admin }]
  if (dataDirectory !== undefined) return [{ dataDirectory }]
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

/** Undefined for port 0: only the log has the port that the system chose. */
function addressOf(
  { host, port }: { host: string; port: number },
  worker: number,
): string | undefined {
  if (port === 0) return undefined
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port + worker}`
}

async function makeReport({ admin, dataDirectory, token }: Place): Promise<Report> {
  const current = admin === undefined ? undefined : await fetchReport(admin, token)
  if (current !== undefined) return current
  const last = dataDirectory === undefined ? undefined : readStatistics(dataDirectory)
  if (last === undefined) throw new Error(nothingKnown({ admin, dataDirectory }))
  if (admin !== undefined)
    console.error(`No proxy answers at ${admin}; this is the report of the last one.`)
  return reportOf(last, Date.now())
}

/** Undefined if nothing listens at the address. */
async function fetchReport(admin: string, token: string | undefined): Promise<Report | undefined> {
  let response
  try {
    response = await fetch(new URL('/api/report', admin), {
      signal: AbortSignal.timeout(answerTimeoutMs),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
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
  const body: unknown = response.ok ? await response.json().catch(() => undefined) : undefined
  const report = migrationReport.safeParse(body).data
  if (report !== undefined) return report
  throw new Error(
    `${admin} answers ${response.status}${response.ok ? ' and no report' : ''}; name the admin ` +
      'listener of a proxy of this version with --admin',
  )
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message
}

function nothingKnown({ admin, dataDirectory }: Place): string {
  const tried = [
    ...(admin === undefined ? [] : [`no proxy answers at ${admin}`]),
    ...(dataDirectory === undefined ? [] : [`${dataDirectory} contains no census.json`]),
  ]
  return (
    `No data about senders: ${tried.join(', and ')}.\n` +
    'Start the proxy. Or name its configuration with --config, its admin listener with --admin, or ' +
    'its data directory with --data-directory.'
  )
}
