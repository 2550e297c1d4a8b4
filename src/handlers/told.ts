/** The work of `told`: lists the device tokens that senders were told to delete. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ToldArguments } from '../commands/told.ts'
import type { ToldRange, ToldRecord } from '../store/store.ts'
import { openToldDirectory, openToldStream, type ToldReader } from '../store/told-reader.ts'
import { systemClock } from '../timing/clock.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import { ownCommand, quoted } from './own-command.ts'
import { printText } from './output.ts'
import { csv, jsonLines, summary, type Format } from './told-format.ts'

/** @throws Error that names the option to correct */
export async function told(args: ToldArguments): Promise<void> {
  const range = rangeOf(args, systemClock.now())
  const { reader, routes } = await openReader(args)
  try {
    await checkRoute(args.route, routes, reader)
    let count = 0
    const counted = async function* (): AsyncGenerator<ToldRecord, void> {
      for await (const record of chosen(reader.read(range), args)) {
        count++
        yield record
      }
    }
    await printText(formatOf(args)(counted()))
    if (count === 0) console.error('Nothing was told in this period, route and reason.')
  } finally {
    await reader.close()
  }
}

/** An open list, and the names of the configured routes if there is a configuration. */
interface Source {
  readonly reader: ToldReader
  readonly routes: readonly string[]
}

async function openReader({ config, dataDirectory }: ToldArguments): Promise<Source> {
  const file = config ?? 'proxy.yaml'
  if (dataDirectory !== undefined) return openDirectory(dataDirectory)
  if (config === undefined && !existsSync(file))
    return openDirectory(join('data', 'rehearsal', 'store'))
  const { examineConfiguration } = await import('../config/configuration.ts')
  const { parts, problems, loaded } = examineConfiguration(file)
  const { store } = loaded
  if (store === undefined || parts?.dataDirectory === undefined) {
    const { ConfigError } = await import('../config/config-error.ts')
    throw new ConfigError(file, problems)
  }
  const routes = parts.routes.flatMap((route) => route?.name ?? [])
  if (store.kind === 'redis') return { reader: await openToldStream(store), routes }
  return openDirectory(parts.dataDirectory, routes)
}

async function openDirectory(directory: string, routes: readonly string[] = []): Promise<Source> {
  const reader = await openToldDirectory(directory)
  if (reader !== undefined) return { reader, routes }
  const rehearsed = join(directory, 'rehearsal', 'store')
  const hint = existsSync(rehearsed)
    ? `A rehearsal has one: give --data-directory ${quoted(rehearsed)}.`
    : 'Start the proxy once. Or name its configuration with --config, or its data directory with --data-directory.'
  throw new CommandError(ExitCode.input, `There is no store in ${directory}. ${hint}`)
}

/** A route that is no longer configured can have tokens. */
async function checkRoute(
  route: string | undefined,
  routes: readonly string[],
  reader: ToldReader,
): Promise<void> {
  if (route === undefined || routes.includes(route)) return
  const known = new Set(routes)
  for await (const record of reader.read({ sinceMs: 0, untilMs: Infinity })) {
    if (record.route === route) return
    known.add(record.route)
  }
  if (known.size === 0) return
  throw new CommandError(
    ExitCode.usage,
    `--route: no route is called ${route}; choose one of ${[...known].join(', ')}`,
  )
}

async function* chosen(
  records: AsyncIterable<ToldRecord>,
  { route, reason }: ToldArguments,
): AsyncGenerator<ToldRecord, void> {
  for await (const record of records)
    if (record.route === (route ?? record.route) && record.reason === (reason ?? record.reason))
      yield record
}

function formatOf({ format, config, dataDirectory }: ToldArguments): Format {
  const chosenFormat = format ?? (process.stdout.isTTY ? 'summary' : 'csv')
  if (chosenFormat === 'csv') return csv
  if (chosenFormat === 'jsonl') return jsonLines
  const place = config ?? dataDirectory
  const option = config === undefined ? '--data-directory' : '--config'
  const source = place === undefined ? '' : ` ${option} ${quoted(place)}`
  return (records) => summary(records, `${ownCommand()} told${source} --format csv > told.csv`)
}

function rangeOf({ since, until }: ToldArguments, nowMs: number): ToldRange {
  const sinceMs = since === undefined ? 0 : momentOf('since', since, nowMs)
  const untilMs = until === undefined ? Infinity : momentOf('until', until, nowMs)
  if (untilMs <= sinceMs)
    throw new CommandError(
      ExitCode.usage,
      '--until: name a time that is later than that of --since',
    )
  return { sinceMs, untilMs }
}

const hourMs = 3_600_000
const unitMs: Readonly<Record<string, number>> = { d: 24 * hourMs, h: hourMs }

/** A date without a zone is in UTC, as all times of the output are. */
function momentOf(option: string, text: string, nowMs: number): number {
  const [, amount, unit = ''] = /^(\d{1,5})([dh])$/.exec(text) ?? []
  if (amount !== undefined) return nowMs - Number(amount) * (unitMs[unit] ?? 0)
  const [, day, time = 'T00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  const isDay = day !== undefined && Date.parse(`${day}T00:00Z`)
  const atMs = Date.parse(`${day ?? ''}${time}${zone}`)
  // Date.parse takes 31 February for 3 March.
  if (Number.isFinite(atMs) && isDay && new Date(isDay).toISOString().startsWith(day)) return atMs
  throw new CommandError(
    ExitCode.usage,
    `--${option}: write a date such as 2026-11-01, a time such as 2026-11-01T12:00Z, or an age such as 7d or 12h`,
  )
}
