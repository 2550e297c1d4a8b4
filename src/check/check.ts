/** Checks the configuration and the connection to APNs, and reports all problems at once. */
import type { Clock } from '../timing/clock.ts'
import { examineConfiguration, noProxies, type Examination } from '../config/configuration.ts'
import { alarmFindings } from './alarm-check.ts'
import { problemFinding, type Finding } from './finding.ts'
import { apnsFindings, type RouteTarget } from './apns-check.ts'
import { routeFindings, serverFindings } from './certificate-check.ts'
import { dataDirectoryFindings, secretFileFindings } from './file-check.ts'
import { storeFindings } from './store-check.ts'
import { tokenFindings } from './token-check.ts'

export interface CheckOptions {
  /** Uses no network. */
  readonly offline: boolean
  /** Also sends a push to a token that no device has. */
  readonly live: boolean
  /** Hexadecimal; a device that is pushed to. */
  readonly token?: string | undefined
  /** Of the proxy, as a test alarm names it. */
  readonly version: string
}

/** Findings in the order of the file, the network last. */
export async function checkConfiguration(
  path: string,
  options: CheckOptions,
  clock: Clock,
): Promise<readonly Finding[]> {
  const examination = examineConfiguration(path)
  return [
    ...examination.problems.map(problemFinding),
    ...fileFindings(examination, clock.now()),
    ...(options.offline ? [] : await networkFindings(examination, options, clock)),
  ]
}

/** The findings that need no network. The proxy logs them at its start too. */
export function fileFindings({ parts, loaded }: Examination, nowMs: number): Finding[] {
  const { tls, routes } = loaded
  const environments = new Set(routes.map((route) => route?.environment ?? 'production'))
  return [
    ...(parts === undefined ? [] : secretFileFindings(parts)),
    ...(parts?.dataDirectory === undefined ? [] : dataDirectoryFindings(parts.dataDirectory)),
    ...(tls === undefined ? [] : serverFindings(tls.certificatePem, environments, nowMs)),
    ...routes.flatMap((route, index) =>
      route === undefined ? [] : routeFindings(route, `routes[${index}]`, nowMs),
    ),
  ]
}

async function networkFindings(
  { parts, loaded }: Examination,
  { live, token, version }: CheckOptions,
  clock: Clock,
): Promise<Finding[]> {
  const { alarms, certificateAuthority, store, proxies = noProxies } = loaded
  const kept = [
    ...(store === undefined ? [] : await storeFindings(store, clock)),
    ...(alarms === undefined ? [] : await alarmFindings(alarms, version, clock)),
  ]
  const origins = parts?.providerApi
  if (origins === undefined) return kept
  const targets = loaded.routes.flatMap((route, index): RouteTarget[] =>
    route === undefined
      ? []
      : [
          {
            subject: `routes[${index}] ${route.name}`,
            route,
            origin: origins[route.environment],
            proxy: proxies[route.environment],
          },
        ],
  )
  const reach = { certificateAuthority, live }
  const found = await apnsFindings(targets, reach, clock)
  const own =
    token === undefined
      ? []
      : await Promise.all(
          targets.map((target) =>
            tokenFindings(target, token, { ...reach, origins, proxies }, clock),
          ),
        )
  return [...kept, ...found, ...own.flat()]
}
