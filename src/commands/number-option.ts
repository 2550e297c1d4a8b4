/** Numbers on the command line. */

/** For `coerce`: passes a whole number within bounds. @throws Error that names the option */
export function wholeNumber(name: string, least: number, most: number) {
  return (value: number): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new Error(`--${name}: write a whole number from ${least} to ${most}`)
  }
}
