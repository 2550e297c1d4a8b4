/** A lone `-` on a command line, which stands for standard input. */

/** `--file -` as `--file=-`: yargs takes a lone `-` for no value of an option. */
export function joinDashes(args: readonly string[]): string[] {
  return args
    .map((arg, index) => (arg === '--file' && args[index + 1] === '-' ? '--file=-' : arg))
    .filter((arg, index) => arg !== '-' || args[index - 1] !== '--file')
}

/** A file to read, as a positional of yargs, which makes an empty string of a lone `-`. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is what the positional says
export function inputFile(describe: string) {
  return {
    type: 'string',
    demandOption: true,
    coerce: (path: string) => (path === '' ? '-' : path),
    describe,
  } as const
}
