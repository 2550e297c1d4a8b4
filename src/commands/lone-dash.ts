/** A lone `-` on a command line, which stands for standard input. */

/** `--file -` as `--file=-`: yargs takes a lone `-` for no value of an option. */
export function joinDashes(args: readonly string[]): string[] {
  return args
    .map((arg, index) => (arg === '--file' && args[index + 1] === '-' ? '--file=-' : arg))
    .filter((arg, index) => arg !== '-' || args[index - 1] !== '--file')
}

/** For `coerce` of a positional: yargs makes an empty string of a lone `-`. */
export function inputPath(path: string): string {
  return path === '' ? '-' : path
}
