/** A lone `-` on a command line, which stands for standard input. */

/** Writes `--file -` as `--file=-`: yargs takes a lone `-` for a missing value of an option. */
export function joinDashes(args: readonly string[]): string[] {
  return args
    .map((arg, index) => (arg === '--file' && args[index + 1] === '-' ? '--file=-' : arg))
    .filter((arg, index) => arg !== '-' || args[index - 1] !== '--file')
}

/** A positional of yargs that names a file to read; yargs makes an empty string of a lone `-`. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the positional says
export function inputFile(describe: string) {
  const coerce = (path: string): string => (path === '' ? '-' : path)
  return { type: 'string', demandOption: true, coerce, describe } as const
}
