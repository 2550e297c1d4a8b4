/** What an operator can order on the admin port: each action is one POST, and the only thing to change. */
import type { IncomingHttpHeaders } from 'node:http'

export interface ActionAnswer {
  /** Other than 200: nothing has changed, and the body has the reason as `error`. */
  readonly status: 200 | 404 | 409
  readonly body: object
}

export interface Action {
  /** Matches the whole path. Its groups are the arguments, still percent-encoded. */
  readonly path: RegExp
  readonly run: (args: readonly string[]) => ActionAnswer | Promise<ActionAnswer>
}

/** No action needs a body. */
const mostBytes = 1024

/** The action at a path, with its arguments. */
export function actionAt(
  actions: readonly Action[],
  path: string,
): (() => ReturnType<Action['run']>) | undefined {
  for (const { path: pattern, run } of actions) {
    const args = pattern.exec(path)?.slice(1)
    if (args !== undefined) return () => run(args)
  }
  return undefined
}

/**
 * Refuses what another web page in the browser of an operator could send (CSRF). Such a page can send
 * neither this header nor this type: the browser asks the server first (OPTIONS), which gives no leave.
 * @returns status and text; undefined if the request may be served
 */
export function actionRefusal(headers: IncomingHttpHeaders): readonly [number, string] | undefined {
  if (headers['x-requested-by'] === undefined)
    return [403, 'send the header x-requested-by with the name of your program']
  if (!isSameOrigin(headers)) return [403, 'a page of another origin may not send this']
  if (!/^application\/json(?:;|$)/i.test(headers['content-type'] ?? ''))
    return [415, 'send content-type: application/json']
  const isBounded = headers['transfer-encoding'] === undefined
  if (isBounded && Number(headers['content-length'] ?? 0) <= mostBytes) return undefined
  return [413, `send a content-length of at most ${mostBytes}`]
}

/** Programs send neither header. Older browsers send `origin` only. */
function isSameOrigin({ origin, host, ...headers }: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}
