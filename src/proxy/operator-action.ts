/** The actions of the admin port: what each does to the proxy. */
import type { Action, ActionAnswer } from '../admin/action.ts'
import type { ConfigProblem } from '../config/config-error.ts'
import type { ActiveRoute } from './active-route.ts'

/** What a reload came to: the names of the routes, or all that is wrong. */
export type ReloadOutcome = { readonly routes: string[] } | { readonly problems: ConfigProblem[] }

/** What an operator can order of the process of this proxy. */
export interface ProcessControl {
  readonly reload: () => Promise<ReloadOutcome>
  /** Begins what SIGTERM begins; with several workers, in all of them. */
  readonly stop: () => void
}

/** What the actions may change. */
export interface ActionTargets {
  readonly routes: () => readonly ActiveRoute[]
  /** Undefined in a rehearsal. */
  readonly control: ProcessControl | undefined
  /** Resolves during a stop, with the number of notifications that are not settled. */
  readonly settled: Promise<number>
}

/** A row for each action. */
export function operatorActions({ routes, control, settled }: ActionTargets): readonly Action[] {
  return [
    {
      path: /^\/api\/routes\/([^/]+)\/overrule$/,
      run: ([name]) => overrule(routes(), name),
    },
    ...(control ? processActions(control, settled) : []),
  ]
}

function processActions(
  { reload, stop }: ProcessControl,
  settled: Promise<number>,
): readonly Action[] {
  return [
    {
      path: /^\/api\/reload$/,
      async run() {
        const body = await reload()
        return { status: 'problems' in body ? 409 : 200, body }
      },
    },
    {
      path: /^\/api\/stop$/,
      async run() {
        stop()
        return { status: 200, body: { unsettled: await settled } }
      },
    },
    {
      path: /^\/api\/stop\/begin$/,
      run() {
        stop()
        return { status: 200, body: {} }
      },
    },
  ]
}

/** @param encoded name of the route, percent-encoded */
function overrule(routes: readonly ActiveRoute[], encoded: string | undefined): ActionAnswer {
  const route = routes.find(({ name }) => encodeURIComponent(name) === encoded)
  if (route === undefined) {
    const names = routes.map(({ name }) => name).join(', ')
    return { status: 404, body: { error: `no such route; the routes are: ${names}` } }
  }
  const { name, relay } = route
  if (!relay.holdsBack) {
    const error = `route ${name} is not suspected by this process, so it holds no rejection back`
    return { status: 409, body: { error } }
  }
  const held = relay.owned
  relay.overrule()
  return { status: 200, body: { route: name, held } }
}
