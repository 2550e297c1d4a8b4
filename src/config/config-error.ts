/** Everything that is wrong with a configuration, told at once. */

/** One thing that is wrong, and where. */
export interface ConfigProblem {
  /** As in `routes[1].certificate`; the file itself where nothing narrower fits. */
  readonly path: string
  /** What is wrong and what to do. */
  readonly message: string
}

/** The proxy cannot start like this. Radius: the process, exit code 78. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly file: string
  readonly problems: readonly ConfigProblem[]

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ path, message }) => `  ${path}: ${message}`)
    super(`${file} cannot be used:\n${lines.join('\n')}`)
    this.file = file
    this.problems = problems
  }
}
