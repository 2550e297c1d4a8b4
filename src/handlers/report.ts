/** The work of `report`: shows what it would take to migrate each sender. */
import { readStatistics } from '../statistics/statistics-file.ts'
import { migrationReport, reportOf, type Report } from '../statistics/migration-report.ts'
import { markdownOf } from '../statistics/report-markdown.ts'
import type { ReportArguments } from '../commands/report.ts'
import { askAdmin, jsonOf, placesOf, type Place } from './admin-port.ts'
import { CommandError, ExitCode } from './exit-code.ts'

/**
 * Prints the report of the running proxy, or of the last one.
 * @throws Error that names the option to correct if there is neither
 */
export async function report(args: ReportArguments): Promise<void> {
  const { dataDirectory } = args
  const places = dataDirectory === undefined ? await placesOf(args) : [{ dataDirectory }]
  for (const [worker, place] of places.entries()) {
    const made = await makeReport(place)
    if (args.json !== true && places.length > 1)
      process.stdout.write(`Worker ${worker}, which has served its share of the connections:\n\n`)
    process.stdout.write(args.json === true ? `${JSON.stringify(made)}\n` : markdownOf(made))
  }
}

async function makeReport({ admin, dataDirectory, token }: Place): Promise<Report> {
  const current = admin === undefined ? undefined : await fetchReport(admin, token)
  if (current !== undefined) return current
  const last = dataDirectory === undefined ? undefined : readStatistics(dataDirectory)
  if (last === undefined)
    throw new CommandError(
      admin === undefined ? ExitCode.input : ExitCode.failed,
      nothingKnown({ admin, dataDirectory }),
    )
  if (admin !== undefined)
    console.error(`No proxy answers at ${admin}; this is the report of the last one.`)
  return reportOf(last, Date.now())
}

/** Undefined if nothing listens at the address. */
async function fetchReport(admin: string, token: string | undefined): Promise<Report | undefined> {
  const response = await askAdmin(admin, token, '/api/report')
  if (response === undefined) return undefined
  const report = migrationReport.safeParse(response.ok ? await jsonOf(response) : undefined).data
  if (report !== undefined) return report
  throw new Error(
    `${admin} answers ${response.status}${response.ok ? ' and no report' : ''}; name the admin ` +
      'listener of a proxy of this version with --admin',
  )
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
