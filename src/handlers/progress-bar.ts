/** A line on a terminal that shows how far a command is. */

/** What a bar is drawn on: standard error, as a rule, since standard output has the results. */
export interface Screen {
  /** Nothing is drawn elsewhere than on a terminal. */
  readonly isTTY?: boolean
  write(text: string): unknown
}

const cells = 30
const clearLine = '\r\x1b[K'

/** Drawn anew with each hundredth, gone once it is cleared. */
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

  /** So much more is done; fewer than 0 takes back. */
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

  /** Makes room for other lines; what is added later draws it again. */
  clear(): void {
    if (this.#shown !== '') this.#screen.write(clearLine)
    this.#shown = ''
  }
}
