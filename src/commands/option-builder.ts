/** Options of the command line, by the kind of their value. `more` has other settings of yargs. */
/* eslint-disable @typescript-eslint/explicit-module-boundary-types -- the types are what the options say */
import type { Options } from 'yargs'

export function text<const M extends Options = object>(describe: string, more?: M) {
  return { string: true, describe, ...(more as M) } as const
}

/** The configuration. In a container, an environment variable can name it. */
export function configurationFile<const M extends Options = object>(describe: string, more?: M) {
  const { APNS_LEGACY_PROXY_CONFIG: named } = process.env
  const preset: object = named === undefined ? {} : { default: named }
  const option = { string: true, describe, alias: 'c', requiresArg: true, ...(more as M) } as const
  return { ...option, ...preset }
}

export function flag<const M extends Options = object>(describe: string, more?: M) {
  return { boolean: true, describe, ...(more as M) } as const
}

/** An option that takes `least` to `most`. The parser throws an Error that names the option. */
export function wholeNumber<const M extends Options>(
  name: string,
  least: number,
  most: number,
  more: M,
) {
  const coerce = (value: number): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new Error(`--${name}: write a whole number from ${least} to ${most}`)
  }
  return { number: true, coerce, ...more } as const
}

/** An option that takes one of `choices`. @param preset the value without the option */
export function choice<const C extends string | number, const M extends Options = object>(
  preset: NoInfer<C>,
  choices: readonly C[],
  describe: string,
  more?: M,
): { readonly choices: readonly C[]; readonly default: C; readonly describe: string } & NoInfer<M> {
  return { choices, default: preset, describe, ...(more as NoInfer<M>) }
}

/** For the end of the help of a command. */
export const exitCodes =
  '1: it failed; 64: wrong option; 66: no file to read; 78: wrong configuration or credential.'

/** A positional that names a file to read. yargs makes an empty string of a lone `-`. */
export function inputFile(describe: string) {
  const coerce = (path: string): string => (path === '' ? '-' : path)
  return { type: 'string', demandOption: true, coerce, describe } as const
}

/** Where the running proxy is. */
export const adminOptions = {
  config: text('Configuration; default: proxy.yaml, else the rehearsal in this folder', {
    alias: 'c',
    requiresArg: true,
  }),
  admin: text('Address of the admin listener, if not the configured one: http://host:port', {
    requiresArg: true,
  }),
} as const
