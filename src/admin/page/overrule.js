/** Overrules the suspicion of a route, after a question. */
import { element } from './markup.js'
import { counted } from './wording.js'

/** @param {import('../status.ts').RouteStatus} route */
export function overruleButton({ name, owned }) {
  return element(
    'button',
    { type: 'button', 'data-route': name, 'data-owned': owned },
    'The tokens are bad: tell the senders…',
  )
}

/**
 * The page changes its elements in place, so one listener serves all buttons.
 * @param {Element} parent
 */
export function overruleOnClick(parent) {
  parent.addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('button[data-route]') : null
    const name = button?.getAttribute('data-route')
    if (name === null || name === undefined) return
    const held = counted(Number(button?.getAttribute('data-owned')), 'notification')
    const question =
      `Route ${name} owns ${held}, and tells no sender of a rejection. If you go on, the proxy asks ` +
      'APNs again, and believes each rejection. Senders may then delete these tokens, and nobody can ' +
      'undo that. Are certificate or key, topic and environment right?'
    if (window.confirm(question)) void overrule(name)
  })
}

/** @param {string} name */
async function overrule(name) {
  try {
    const response = await fetch(`api/routes/${encodeURIComponent(name)}/overrule`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-requested-by': 'status page' },
      body: '{}',
    })
    if (!response.ok) window.alert(`Nothing has changed: ${await response.text()}`)
  } catch {
    window.alert('The proxy does not answer. Try again.')
  }
}
