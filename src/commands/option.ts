/** Options of the command line, by the kind of their value. */
/* eslint-disable @typescript-eslint/explicit-module-boundary-types -- the types are what the options say */

export function text(describe: string) {
  return { string: true, describe } as const
}

export function flag(describe: string) {
  return { boolean: true, describe } as const
}

/** An option that takes `least` to `most`. The parser throws an Error that names the option. */
export function wholeNumber(name: string, least: number, most: number, describe: string) {
  const coerce = (value: number): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new Error(`--${name}: write a whole number from ${least} to ${most}`)
  }
  return { number: true, coerce, describe } as const
}

/** An option that takes one of `choices`. @param preset the value without the option */
export function choice<const C extends string | number>(
  preset: NoInfer<C>,
  choices: readonly C[],
  describe: string,
): { readonly choices: readonly C[]; readonly default: C; readonly describe: string } {
  return { choices, default: preset, describe }
}

/** A positional that names a file to read. yargs makes an empty string of a lone `-`. */
export function inputFile(describe: string) {
  const coerce = (path: string): string => (path === '' ? '-' : path)
  return { type: 'string', demandOption: true, coerce, describe } as const
}
