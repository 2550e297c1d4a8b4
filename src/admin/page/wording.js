/** Formats numbers and times for the page. */

const numbers = new Intl.NumberFormat('en')
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const shortClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

const minute = 60_000
const hour = 60 * minute
const dayMs = 24 * hour

/** @param {number} value */
export function count(value) {
  return numbers.format(value)
}

/**
 * A number and its unit, in the singular or the plural.
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** @param {number} perSecond */
export function rate(perSecond) {
  return numbers.format(perSecond < 10 ? perSecond : Math.round(perSecond))
}

/** @param {number | null | undefined} ms */
export function latency(ms) {
  if (ms === null || ms === undefined) return '–'
  return `${numbers.format(ms < 10 ? ms : Math.round(ms))} ms`
}

/** @param {number} atMs */
export function timeOf(atMs) {
  return clock.format(atMs)
}

/** @param {number} atMs */
export function minuteOf(atMs) {
  return shortClock.format(atMs)
}

/**
 * The time, with the day unless it is today.
 * @param {number} atMs
 * @param {number} nowMs
 */
export function momentOf(atMs, nowMs) {
  const isToday = day.format(atMs) === day.format(nowMs)
  return isToday ? clock.format(atMs) : `${day.format(atMs)} ${clock.format(atMs)}`
}

/** @param {number} atMs */
export function dayOf(atMs) {
  return day.format(atMs)
}

/**
 * Formats a duration in its one or two largest units.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < minute) return counted(Math.max(0, Math.floor(ms / 1000)), 'second')
  if (ms < hour) return counted(Math.floor(ms / minute), 'minute')
  if (ms < dayMs) return `${Math.floor(ms / hour)} h ${Math.floor((ms % hour) / minute)} min`
  if (ms < 3 * dayMs)
    return `${counted(Math.floor(ms / dayMs), 'day')} ${Math.floor((ms % dayMs) / hour)} h`
  return counted(Math.floor(ms / dayMs), 'day')
}
