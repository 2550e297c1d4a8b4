/** The work of `overrule`: an operator says that a suspected route is right, and its tokens are bad. */
import { z } from 'zod'
import type { OverruleArguments } from '../commands/overrule.ts'
import { askAdmin, jsonOf, listenerOf, placesOf, type Listener } from './admin-port.ts'
import { confirmed } from './confirmation.ts'

/** What the command needs of `/api/status`. */
const status = z.object({
  routes: z.array(
    z.object({
      name: z.string(),
      suspected: z.boolean(),
      downReason: z.string().nullable(),
      owned: z.number(),
    }),
  ),
})
const failure = z.object({ error: z.string() })

type Route = z.infer<typeof status>['routes'][number]

/**
 * Overrules the suspicion in all processes of the route, after a question.
 * @throws Error with the cure if there is no such route, or none that is suspected
 */
export async function overrule({ route: name, yes, ...args }: OverruleArguments): Promise<void> {
  const listeners = (await placesOf(args)).map(listenerOf)
  const answers = await Promise.all(listeners.map((listener) => routesAt(listener)))
  if (answers.every((answer) => answer === undefined))
    throw new Error(
      `No proxy answers at ${listeners.map(({ admin }) => admin).join(', ')}; start it, or correct ` +
        '--config or --admin',
    )
  // A worker that restarts does not answer.
  const routes = answers.map((answer) => answer ?? [])
  const seen = routes.map((all) => all.find((route) => route.name === name))
  const at = seen.findIndex((route) => route?.suspected)
  const listener = listeners[at]
  if (listener === undefined) throw new Error(nothingToOverrule(name, routes.flat()))
  const held = seen.reduce((sum, route) => sum + (route?.owned ?? 0), 0)
  if (
    yes !== true &&
    !(await confirmed(question(listener.admin, name, held, seen[at]?.downReason ?? '')))
  ) {
    console.log('Nothing has changed.')
    return
  }
  await order(listener, name)
  console.log(
    `Route ${name}: the suspicion is overruled. ${inWords(held)} held back.\n` +
      'The proxy asks APNs again about each, and believes the answer. The sender of a rejected one is ' +
      'told with an error response; if the proxy cannot tell this connection any more, at the next ' +
      'use of the token.\nThis lasts until APNs accepts a later notification, or until certificate or ' +
      'key, topic or environment change.',
  )
}

/** Undefined if nobody answers. */
async function routesAt({ admin, token }: Listener): Promise<readonly Route[] | undefined> {
  const response = await askAdmin(admin, token, '/api/status')
  if (response === undefined) return undefined
  const known = status.safeParse(response.ok ? await jsonOf(response) : undefined).data
  if (known !== undefined) return known.routes
  throw new Error(
    `${admin} answers ${response.status} and no status; name the admin listener of a proxy of this ` +
      'version with --admin',
  )
}

async function order({ admin, token }: Listener, name: string): Promise<void> {
  const path = `/api/routes/${encodeURIComponent(name)}/overrule`
  const response = await askAdmin(admin, token, path, 'POST')
  if (response?.ok === true) return
  const error = response && failure.safeParse(await jsonOf(response)).data?.error
  throw new Error(
    `Nothing has changed: ${error ?? `${admin} answers ${response?.status ?? 'no more'}`}; look at ` +
      'the status page, and try again',
  )
}

function nothingToOverrule(name: string, routes: readonly Route[]): string {
  const names = [...new Set(routes.map((route) => route.name))]
  if (!names.includes(name))
    return `No route is named ${name}; name one of these with --route: ${names.join(', ')}`
  const suspected = routes.filter((route) => route.suspected).map((route) => route.name)
  const others = suspected.length === 0 ? 'No route is.' : `These are: ${suspected.join(', ')}.`
  return `Route ${name} is not suspected, so it holds no rejection back. ${others} See the status page.`
}

function question(admin: string, name: string, held: number, reason: string): string {
  return (
    `Route ${name} of the proxy at ${admin} is suspected: ${reason}\n${inWords(held)} held back. If you go on, their senders ` +
    `are told. Senders may delete ${held === 1 ? 'the token' : `${held} tokens`}, and nobody can undo that.`
  )
}

function inWords(held: number): string {
  return held === 1 ? '1 notification is' : `${held} notifications are`
}
