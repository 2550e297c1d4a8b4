/** The error that reports all problems of a configuration at once. */
export interface ConfigProblem {
  /** A key such as `routes[1].certificate`, or the file itself. */
  readonly path: string
  /** The fault; the cure. */
  readonly message: string
}

/** The proxy cannot start with this configuration. Radius: the process, exit code 78. */
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
