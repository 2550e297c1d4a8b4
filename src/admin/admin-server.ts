/** The administrator's port: is it alive, is it ready, what does it count, how is it. Read-only. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Report } from '../statistics/migration-report.ts'
import type { Clock } from '../timing/clock.ts'
import { authorize, type AuthorizationRules } from './authorization.ts'
import { loadAssets } from './asset.ts'
import type { TrafficSample } from './traffic-history.ts'
import { EventStream } from './event-stream.ts'
import type { Status } from './status.ts'

/** Whether the proxy can do its work now. */
export interface Readiness {
  readonly ready: boolean
  /** By route: whether a provider session takes requests. */
  readonly routes: Readonly<Record<string, boolean>>
  /** What comes while it is not reachable is kept in memory, and it is ready while there is room. */
  readonly store: 'reachable' | 'unreachable'
}

/** What the port shows. */
export interface AdminSources {
  /** What Prometheus reads, and as what type. */
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> }
  readonly readiness: () => Readiness
  /** What JSON can hold. */
  readonly report: () => Report
  readonly status: () => Status
  /** Of the last hour, oldest first. */
  readonly history: () => readonly TrafficSample[]
  readonly clock: Clock
}

/** Where it is, and for whom. */
export interface AdminOptions extends AuthorizationRules {
  /** 0 picks a free one. */
  readonly port: number
}

type Page = (response: ServerResponse) => void | Promise<void>

/** Whoever reaches the port may connect: that must not take the descriptors that senders need. */
const mostConnections = 256

/** For probes, which have no token: they tell nothing but good or bad, and names of routes. */
const openToAll: readonly string[] = ['/healthz', '/readyz']

/** Scripts and styles are files of our own; nothing else is fetched, framed, or run. */
const safetyHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** Serves the status page at `/`, and for machines `/api/status`, `/api/report`, `/metrics`, `/healthz`, `/readyz`. */
export class AdminServer {
  readonly #server: Server
  readonly #eventStream: EventStream
  readonly #pages: ReadonlyMap<string, Page>
  #rules: AuthorizationRules

  private constructor(rules: AuthorizationRules, sources: AdminSources) {
    this.#rules = rules
    this.#eventStream = new EventStream(
      {
        history: () => JSON.stringify(sources.history()),
        status: () => JSON.stringify(sources.status()),
      },
      sources.clock,
    )
    this.#pages = pagesOf(sources, this.#eventStream)
    this.#server = createServer((request, response) => {
      this.#answer(request, response)
    })
    this.#server.maxConnections = mostConnections
    this.#server.on('clientError', (_error, socket) => {
      socket.destroy()
    })
  }

  /** @throws the system's error when the address cannot be bound */
  static async open(options: AdminOptions, sources: AdminSources): Promise<AdminServer> {
    const admin = new AdminServer(options, sources)
    const { host, port } = options
    // A worker of `node:cluster` would share the port with the other workers.
    admin.#server.listen({ host, port, exclusive: true })
    await once(admin.#server, 'listening')
    return admin
  }

  /** Where it is bound. */
  get address(): AddressInfo {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening')
    return address
  }

  /** Applies other rules; an event stream that was opened with another token is closed. */
  reconfigure(rules: AuthorizationRules): void {
    if (rules.token !== this.#rules.token) this.#eventStream.close()
    this.#rules = rules
  }

  /** Closes, with whoever is connected. */
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
    if (request.method !== 'GET' && request.method !== 'HEAD')
      plain(response.setHeader('allow', 'GET, HEAD'), 405, 'read-only')
    else if (!this.#isAuthorized(path, request, response)) return
    else if (page === undefined) plain(response, 404, 'not found')
    else void serve(page, response)
  }

  /** Answers itself where it does not. */
  #isAuthorized(path: string, { headers }: IncomingMessage, response: ServerResponse): boolean {
    if (openToAll.includes(path)) return true
    switch (authorize(headers, this.#rules)) {
      case 'authorized':
        return true
      case 'no-token':
        response.setHeader('www-authenticate', 'Basic realm="apns-legacy-proxy", charset="UTF-8"')
        plain(response, 401, 'the token of admin.tokenFile is needed: as password, or as bearer')
        return false
      case 'foreign-host':
        plain(response, 421, 'ask for this machine as localhost or by its IP address')
        return false
    }
  }
}

async function serve(page: Page, response: ServerResponse): Promise<void> {
  try {
    await page(response)
  } catch {
    plain(response, 500, 'failed')
  }
}

function pagesOf(sources: AdminSources, eventStream: EventStream): Map<string, Page> {
  const { metrics, readiness, report, status } = sources
  const assets = [...loadAssets()].map(([path, { type, body }]): [string, Page] => [
    path,
    (response) => {
      answer(response, 200, type, body)
    },
  ])
  return new Map<string, Page>([
    ...assets,
    [
      '/healthz',
      (response) => {
        plain(response, 200, 'ok')
      },
    ],
    [
      '/readyz',
      (response) => {
        const state = readiness()
        answer(response, state.ready ? 200 : 503, 'application/json', JSON.stringify(state))
      },
    ],
    [
      '/api/report',
      (response) => {
        answer(response, 200, 'application/json', JSON.stringify(report()))
      },
    ],
    [
      '/metrics',
      async (response) => {
        answer(response, 200, metrics.contentType, await metrics.metrics())
      },
    ],
    [
      '/api/status',
      (response) => {
        answer(response, 200, 'application/json', JSON.stringify(status()))
      },
    ],
    [
      '/api/events',
      (response) => {
        if (response.req.method === 'HEAD') plain(response, 200, '')
        else if (!eventStream.join(response)) plain(response, 503, 'too many listen already')
      },
    ],
  ])
}

function plain(response: ServerResponse, status: number, text: string): void {
  answer(response, status, 'text/plain', `${text}\n`)
}

function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
): void {
  response.writeHead(status, { 'content-type': type }).end(body)
}
