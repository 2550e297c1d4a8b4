/** Options of the command line, by the kind of their value. */

export function text(describe: string): { readonly string: true; readonly describe: string } {
  return { string: true, describe }
}

export function flag(describe: string): { readonly boolean: true; readonly describe: string } {
  return { boolean: true, describe }
}

/** An option that takes `least` to `most`. The parser throws an Error that names the option. */
export function wholeNumber(
  name: string,
  least: number,
  most: number,
  describe: string,
): {
  readonly number: true
  readonly coerce: (value: number) => number
  readonly describe: string
} {
  const coerce = (value: number): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new Error(`--${name}: write a whole number from ${least} to ${most}`)
  }
  return { number: true, coerce, describe }
}

/** An option that takes one of `choices`. @param preset the value without the option */
export function choice<const C extends string | number>(
  preset: NoInfer<C>,
  choices: readonly C[],
  describe: string,
): { readonly choices: readonly C[]; readonly default: C; readonly describe: string } {
  return { choices, default: preset, describe }
}
