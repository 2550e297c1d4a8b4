/** The actions of the admin port: what each does to the proxy. */
import type { Action, ActionAnswer } from '../admin/action.ts'
import type { ActiveRoute } from './active-route.ts'

/** What the actions may change. */
export interface ActionTargets {
  readonly routes: () => readonly ActiveRoute[]
}

/** A row for each action. */
export function operatorActions({ routes }: ActionTargets): readonly Action[] {
  return [
    {
      path: /^\/api\/routes\/([^/]+)\/overrule$/,
      run: ([name]) => overrule(routes(), name),
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
