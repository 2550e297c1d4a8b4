/** A line on a terminal that shows the progress of a command. */

/** Standard error by default, because standard output has the results. */
export interface Screen {
  /** Without a terminal, the bar draws nothing. */
  readonly isTTY?: boolean
  write(text: string): unknown
}

const cells = 30
const clearLine = '\r\x1b[K'

/** Draws at each percent. */
export class ProgressBar {
  readonly #screen: Screen
  readonly #total: number
  readonly #unit: string
  #done = 0
  #shown = ''

  constructor(total: number, unit: string, screen: Screen = process.stderr) {
    this.#total = total
    this.#unit = unit
    this.#screen = screen
  }

  /** @param amount below 0 if work has to be repeated */
  add(amount: number): void {
    this.#done += amount
    if (this.#screen.isTTY !== true) return
    const percent = Math.floor((100 * this.#done) / this.#total)
    const filled = '#'.repeat(Math.floor((percent * cells) / 100)).padEnd(cells, '.')
    const line = `[${filled}] ${String(percent).padStart(3)} % of ${this.#total} ${this.#unit}`
    if (line === this.#shown) return
    this.#shown = line
    this.#screen.write(clearLine + line)
  }

  /** Removes the bar before other output; the next {@link add} draws it again. */
  clear(): void {
    if (this.#shown !== '') this.#screen.write(clearLine)
    this.#shown = ''
  }
}
