/** The administrator's port: is it alive, is it ready, what does it count. Read-only. */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import type { Report } from '../census/report.ts'

/** Whether the proxy can do its work now. */
export interface Readiness {
  readonly ready: boolean
  /** By route: whether a provider session takes requests. */
  readonly routes: Readonly<Record<string, boolean>>
}

/** What the port shows. */
export interface AdminSources {
  readonly metrics: Registry
  readonly readiness: () => Readiness
  /** What JSON can hold. */
  readonly report: () => Report
}

type Page = (response: ServerResponse) => void | Promise<void>

/** Serves `/healthz`, `/readyz`, `/api/report` and `/metrics`. */
export class AdminServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @throws the system's error when the address cannot be bound */
  static async open(
    { host, port }: { readonly host: string; readonly port: number },
    sources: AdminSources,
  ): Promise<AdminServer> {
    const pages = pagesOf(sources)
    const server = createServer((request, response) => {
      const page = pages.get(request.url?.split('?')[0] ?? '')
      if (request.method !== 'GET' && request.method !== 'HEAD')
        answer(response.setHeader('allow', 'GET, HEAD'), 405, 'text/plain', 'read-only\n')
      else if (page === undefined) answer(response, 404, 'text/plain', 'not found\n')
      else
        Promise.resolve(page(response)).catch(() => {
          answer(response, 500, 'text/plain', 'failed\n')
        })
    })
    server.on('clientError', (_error, socket) => {
      socket.destroy()
    })
    server.listen(port, host)
    await once(server, 'listening')
    return new AdminServer(server)
  }

  /** Where it is bound. */
  get address(): AddressInfo {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening')
    return address
  }

  /** Closes, with whoever is connected. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

function pagesOf({ metrics, readiness, report }: AdminSources): Map<string, Page> {
  return new Map<string, Page>([
    [
      '/healthz',
      (response) => {
        answer(response, 200, 'text/plain', 'ok\n')
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
  ])
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}
