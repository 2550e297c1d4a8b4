/** Makes elements from values, and updates only the parts of the page that have changed. */

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * Makes an element. Strings become text, never markup.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  made.append(...children.filter(isShown).map(toNode))
  return made
}

/**
 * @param {Child} child
 * @returns {child is Node | string | number}
 */
function isShown(child) {
  return child !== false && child !== null && child !== undefined
}

/** @param {Node | string | number} child */
function toNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child))
}

/**
 * Makes the children of `parent` equal to `wanted`. Changes nodes in place, so that focus, selection and
 * scrolling stay.
 * @param {Element} parent
 * @param {readonly Node[]} wanted
 */
export function show(parent, ...wanted) {
  const present = [...parent.childNodes]
  for (const [index, node] of wanted.entries()) {
    const old = present[index]
    if (old === undefined) parent.append(node)
    else if (!old.isEqualNode(node)) change(old, node)
  }
  for (const surplus of present.slice(wanted.length)) surplus.remove()
}

/**
 * @param {ChildNode} old
 * @param {Node} wanted
 */
function change(old, wanted) {
  if (old instanceof Text && wanted instanceof Text) old.data = wanted.data
  else if (old instanceof Element && wanted instanceof Element && old.tagName === wanted.tagName) {
    for (const { name } of [...old.attributes])
      if (!wanted.hasAttribute(name)) old.removeAttribute(name)
    for (const { name, value } of wanted.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value)
    show(old, ...wanted.childNodes)
  } else old.replaceWith(wanted)
}
