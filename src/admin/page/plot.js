/** A plot of the last hour, with its own legend, readable by mouse and by keyboard. */
import uPlot from './uplot.js'
import { element, show } from './markup.js'
import { minuteOf, timeOf } from './wording.js'

/** @typedef {import('../traffic-history.ts').TrafficSample} TrafficSample */

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {string} colour a custom property of the style sheet
 * @property {boolean} filled
 * @property {(samples: readonly TrafficSample[]) => number | null} value of what lies in one step
 * @property {(value: number | null | undefined) => string} format
 */

const spanSeconds = 3600
const shortestSpanSeconds = 120
/** A reader cannot distinguish more points. */
const mostSteps = 360
const height = 200

/** One plot; {@link Plot.show} it again whenever there is more. */
export class Plot {
  #title
  #lines
  #unit
  #figure
  #legend = element('dl', { class: 'legend' })
  #canvas = element('div', { class: 'canvas', tabindex: 0, role: 'img' })
  /** @type {uPlot | undefined} */
  #plot
  /** @type {uPlot.AlignedData} */
  #data = [[]]
  /** @type {number | null | undefined} */
  #cursor

  /**
   * @param {string} title
   * @param {string} unit
   * @param {readonly Line[]} lines
   */
  constructor(title, unit, lines) {
    this.#title = title
    this.#unit = unit
    this.#lines = lines
    const caption = element(
      'figcaption',
      {},
      element('h3', {}, title, ' ', element('small', {}, unit)),
      this.#legend,
    )
    this.#figure = element('figure', {}, caption, this.#canvas)
    this.#canvas.addEventListener('keydown', (event) => {
      this.#steer(event)
    })
    this.#canvas.addEventListener('blur', () => this.#plot?.setCursor({ left: -10, top: -10 }))
    new ResizeObserver(() => {
      this.#plot?.setSize({ width: this.#canvas.clientWidth, height })
    }).observe(this.#canvas)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#draw()
    })
  }

  /** @returns {HTMLElement} */
  get figure() {
    return this.#figure
  }

  /** @param {readonly TrafficSample[]} samples */
  show(samples) {
    const steps = inSteps(samples)
    this.#data = [
      steps.map(({ atSeconds }) => atSeconds),
      ...this.#lines.map(({ value }) => steps.map((step) => value(step.samples))),
    ]
    if (this.#plot === undefined) this.#draw()
    else this.#plot.setData(this.#data)
    this.#tell()
  }

  #draw() {
    this.#plot?.destroy()
    this.#plot = new uPlot(this.#options(), this.#data, this.#canvas)
  }

  /** @returns {uPlot.Options} */
  #options() {
    const style = getComputedStyle(this.#canvas)
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(name).trim()
    const font = `12px ${style.fontFamily}`
    const axis = {
      font,
      stroke: colour('--muted'),
      grid: { stroke: colour('--rule'), width: 1 },
      ticks: { show: false },
    }
    return {
      width: this.#canvas.clientWidth,
      height,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { range: () => hourUntil(this.#data[0]) }, y: { range: fromZero } },
      axes: [
        { ...axis, size: 28, space: 80, values: inTimes },
        { ...axis, size: 56 },
      ],
      series: [
        {},
        ...this.#lines.map(({ name, colour: property, filled }) => ({
          label: name,
          stroke: colour(property),
          width: 1.5,
          spanGaps: true,
          points: { show: false },
          ...(filled && { fill: colour(`${property}-area`) }),
        })),
      ],
      hooks: {
        setCursor: [
          ({ cursor }) => {
            this.#cursor = (cursor.left ?? -1) < 0 ? undefined : cursor.idx
            this.#tell()
          },
        ],
      },
    }
  }

  /** The values under the cursor, else the latest. */
  #tell() {
    const [times = [], ...values] = this.#data
    const index = this.#cursor ?? times.length - 1
    const at = times[index]
    show(
      this.#legend,
      ...this.#lines.map(({ name, colour, format }, line) =>
        element(
          'div',
          {},
          element('dt', { class: `key ${colour.slice(2)}` }, name),
          element('dd', {}, format(values[line]?.[index])),
        ),
      ),
      element(
        'div',
        { class: this.#cursor === undefined ? 'when idle' : 'when' },
        element('dt', { class: 'unseen' }, 'at'),
        element(
          'dd',
          {},
          this.#cursor === undefined || at === undefined ? 'now' : timeOf(at * 1000),
        ),
      ),
    )
    if (this.#cursor === undefined)
      this.#canvas.setAttribute('aria-label', this.#inWords(times.length - 1))
  }

  /** @param {number} index */
  #inWords(index) {
    const words = this.#lines.map(
      ({ name, format }, line) => `${name} ${format(this.#data[line + 1]?.[index])}`,
    )
    return `${this.#title}, ${this.#unit}: ${words.join(', ')}. Arrow keys read earlier values.`
  }

  /** @param {KeyboardEvent} event */
  #steer(event) {
    const by = {
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -30,
      PageDown: 30,
      Home: -Infinity,
      End: Infinity,
    }[event.key]
    const times = this.#data[0]
    if (by === undefined || this.#plot === undefined || times.length === 0) return
    event.preventDefault()
    const last = times.length - 1
    const index = Math.min(last, Math.max(0, (this.#cursor ?? last) + by))
    this.#plot.setCursor({ left: this.#plot.valToPos(times[index] ?? 0, 'x'), top: 0 })
  }
}

/**
 * A step is a second, or several once there are more than can be told apart; it begins at a multiple
 * of its length, so that what is drawn does not waver as time goes on.
 * @param {readonly TrafficSample[]} samples
 */
function inSteps(samples) {
  const first = samples[0]?.atMs ?? 0
  const spanMs = (samples.at(-1)?.atMs ?? 0) - first
  const stepMs = Math.max(1000, Math.ceil(spanMs / 1000 / mostSteps) * 1000)
  /** @type {{ atSeconds: number, key: number, samples: TrafficSample[] }[]} */
  const steps = []
  for (const sample of samples) {
    const key = Math.floor(sample.atMs / stepMs)
    const last = steps.at(-1)
    if (last?.key === key) last.samples.push(sample)
    else
      steps.push({
        atSeconds: (stepMs === 1000 ? sample.atMs : key * stepMs) / 1000,
        key,
        samples: [sample],
      })
  }
  // The last one is not complete yet.
  return stepMs > 1000 ? steps.slice(0, -1) : steps
}

/**
 * @param {ArrayLike<number>} times
 * @returns {[number, number]}
 */
function hourUntil(times) {
  const last = times[times.length - 1] ?? Date.now() / 1000
  const first = times[0] ?? last
  return [Math.min(Math.max(first, last - spanSeconds), last - shortestSpanSeconds), last]
}

/**
 * @param {uPlot} _plot
 * @param {readonly number[]} at
 * @param {number} _axis
 * @param {number} _space
 * @param {number} stepSeconds
 */
function inTimes(_plot, at, _axis, _space, stepSeconds) {
  return at.map((seconds) => (stepSeconds < 60 ? timeOf : minuteOf)(seconds * 1000))
}

/**
 * @param {uPlot} _plot
 * @param {number} _min
 * @param {number | null} max
 * @returns {[number, number]}
 */
function fromZero(_plot, _min, max) {
  return [0, Math.max(1, (max ?? 0) * 1.1)]
}
