/** The HTTP server of the admin port: probes, metrics, reports, the status page and a few actions. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Report } from '../statistics/migration-report.ts'
import type { Clock } from '../timing/clock.ts'
import { actionAt, actionRefusal, type Action } from './action.ts'
import { AdminConnections, adminLimits, type AdminLimits } from './admin-connections.ts'
import { authorize, type AuthorizationRules } from './authorization.ts'
import { loadAssets } from './asset.ts'
import type { TrafficSample } from './traffic-history.ts'
import { StatusStream } from './status-stream.ts'
import type { Status } from './status.ts'

/** Whether the proxy can serve senders now. */
export interface Readiness {
  readonly ready: boolean
  /** By route: whether a session accepts requests. */
  readonly routes: Readonly<Record<string, boolean>>
  /** While it is unreachable, the proxy keeps notifications in memory, and is ready until that is full. */
  readonly store: 'reachable' | 'unreachable'
  /** Whether there are problems. The proxy can be ready all the same. */
  readonly degraded: boolean
  readonly problems: readonly {
    readonly code: string
    /** Omitted if the problem concerns the whole proxy. */
    readonly route?: string
  }[]
}

/** The sources of all answers. */
export interface AdminSources {
  /** The registry of the metrics. */
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> }
  readonly readiness: () => Readiness
  readonly report: () => Report
  readonly status: () => Status
  /** The last hour, oldest first. */
  readonly history: () => readonly TrafficSample[]
  readonly actions: readonly Action[]
  readonly clock: Clock
}

/** Address of the server, and who may use it. */
export interface AdminOptions extends AuthorizationRules {
  /** 0 lets the system choose. */
  readonly port: number
  /** Over {@link adminLimits}. */
  readonly limits?: Partial<AdminLimits>
}

type Page = (response: ServerResponse) => unknown

/** Probes have no token. The answers contain only states, codes of problems and names of routes. */
const openToAll: readonly string[] = ['/healthz', '/readyz']

/** A browser loads scripts and styles from this server only, and no other page can frame it. */
const safetyHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** Serves the status page at `/`, for programs the paths in {@link pagesOf}, and the actions. */
export class AdminServer {
  readonly #server: Server
  readonly #connections: AdminConnections
  readonly #eventStream: StatusStream
  readonly #pages: ReadonlyMap<string, Page>
  readonly #actions: readonly Action[]
  #rules: AuthorizationRules

  private constructor({ limits: chosen, ...rules }: AdminOptions, sources: AdminSources) {
    const limits = { ...adminLimits, ...chosen }
    this.#rules = rules
    this.#actions = sources.actions
    this.#eventStream = new StatusStream(sources, sources.clock)
    this.#pages = pagesOf(sources, this.#eventStream)
    this.#connections = new AdminConnections(limits, sources.clock, (response) =>
      this.#eventStream.has(response),
    )
    this.#server = createServer(limits, (request, response) => {
      this.#connections.answers(request.socket, response)
      this.#answer(request, response)
    })
    this.#server.on('connection', (socket) => this.#connections.admit(socket))
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** @throws the system's error if the address cannot be bound */
  static async open(options: AdminOptions, sources: AdminSources): Promise<AdminServer> {
    const admin = new AdminServer(options, sources)
    const { host, port } = options
    // A worker of `node:cluster` would share the port with the other workers.
    admin.#server.listen({ host, port, exclusive: true })
    await once(admin.#server, 'listening')
    return admin
  }

  get address(): AddressInfo {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening')
    return address
  }

  /** Applies new rules. If the token changes, closes all event streams. */
  reconfigure(rules: AuthorizationRules): void {
    if (rules.token !== this.#rules.token) this.#eventStream.close()
    this.#rules = rules
  }

  /** Closes the port and all connections. */
  async close(): Promise<void> {
    this.#eventStream.close()
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(safetyHeaders)) response.setHeader(name, value)
    const path = request.url?.split('?')[0] ?? ''
    const page = this.#pages.get(path)
    const action = actionAt(this.#actions, path)
    const methods = action === undefined ? ['GET', 'HEAD'] : ['POST']
    if (!methods.includes(request.method ?? ''))
      plain(response.setHeader('allow', methods.join(', ')), 405, `use ${methods.join(' or ')}`)
    else if (!this.#isAuthorized(path, request, response)) return
    else if (action !== undefined) act(action, request, response)
    else if (page === undefined) plain(response, 404, 'not found')
    else void serve(page, response)
  }

  /** Answers the request itself if it returns false. */
  #isAuthorized(path: string, { headers }: IncomingMessage, response: ServerResponse): boolean {
    if (openToAll.includes(path)) return true
    const authorization = authorize(headers, this.#rules)
    if (authorization === 'authorized') return true
    if (authorization === 'no-token')
      response.setHeader('www-authenticate', 'Basic realm="apns-legacy-proxy", charset="UTF-8"')
    const [status, text] = refusals[authorization]
    plain(response, status, text)
    return false
  }
}

const refusals = {
  'no-token': [401, 'the token of admin.tokenFile is needed: as password, or as bearer'],
  'foreign-host': [421, 'ask for this machine as localhost or by its IP address'],
} as const

function act(
  action: NonNullable<ReturnType<typeof actionAt>>,
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const refusal = actionRefusal(headers)
  // The body is not read.
  if (refusal !== undefined) plain(response.setHeader('connection', 'close'), ...refusal)
  else
    void serve(async () => {
      const { status, body } = await action()
      json(response, status, body)
    }, response)
}

async function serve(page: Page, response: ServerResponse): Promise<void> {
  try {
    await page(response)
  } catch {
    plain(response, 500, 'failed')
  }
}

function pagesOf(sources: AdminSources, eventStream: StatusStream): Map<string, Page> {
  const { metrics, readiness, report, status } = sources
  const assets = Array.from(loadAssets(), ([path, { type, body }]): [string, Page] => [
    path,
    (response) => answer(response, 200, type, body),
  ])
  return new Map<string, Page>([
    ...assets,
    ['/healthz', (response) => plain(response, 200, 'ok')],
    [
      '/readyz',
      (response) => {
        const state = readiness()
        return json(response, state.ready ? 200 : 503, state)
      },
    ],
    ['/api/report', (response) => json(response, 200, report())],
    ['/api/status', (response) => json(response, 200, status())],
    [
      '/api/events',
      (response) =>
        response.req.method === 'HEAD'
          ? plain(response, 200, '')
          : eventStream.join(response) || plain(response, 503, 'too many listen already'),
    ],
    [
      '/metrics',
      async (response) => answer(response, 200, metrics.contentType, await metrics.metrics()),
    ],
  ])
}

function plain(response: ServerResponse, status: number, text: string): ServerResponse {
  return answer(response, status, 'text/plain', `${text}\n`)
}

function json(response: ServerResponse, status: number, value: object): ServerResponse {
  return answer(response, status, 'application/json', JSON.stringify(value))
}

function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
): ServerResponse {
  return response.writeHead(status, { 'content-type': type }).end(body)
}
