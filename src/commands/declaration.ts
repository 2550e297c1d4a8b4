/** How a command declares its options, apart from its work, which is loaded when it runs. */
import type { ArgumentsCamelCase, Argv, InferredOptionTypes, Options } from 'yargs'

/** A command as yargs parses it and shows it in `--help`. */
export interface Declaration<T> {
  readonly command: string
  readonly describe: string
  readonly builder: (yargs: Argv<object>) => Argv<T>
}

type WithoutIndex<T> = { readonly [key in keyof T as string extends key ? never : key]: T[key] }

/** The parsed arguments of a {@link Declaration}, under their names in camel case too. */
export type ArgumentsOf<D> =
  D extends Declaration<infer T> ? WithoutIndex<ArgumentsCamelCase<T>> : never

/** The parsed arguments of options that several commands have. */
export type OptionsOf<O extends Readonly<Record<string, Options>>> = WithoutIndex<
  ArgumentsCamelCase<InferredOptionTypes<O>>
>

/** @param command name, and the positional arguments as yargs writes them */
export function declare<T>(
  command: string,
  describe: string,
  builder: (yargs: Argv<object>) => Argv<T>,
): Declaration<T> {
  return { command, describe, builder }
}

/** A function that adds the command to a parser. @param load imports the work when it runs */
export function withWork<T>(
  declaration: Declaration<T>,
  load: () => Promise<(args: ArgumentsCamelCase<T>) => Promise<void>>,
): (parser: Argv) => Argv {
  return (parser) =>
    parser.command({ ...declaration, handler: async (args) => (await load())(args) })
}
