/** Says what is wrong with a command line, in one line, and where to read on. */
import { meantBy } from '../config/spelling.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import { ownCommand } from './own-command.ts'

/** What was typed, and what could have been. */
export interface CommandLine {
  readonly args: readonly string[]
  readonly commands: readonly string[]
  /** Names of the options that the command has, without dashes. */
  readonly options: readonly string[]
}

/** The parser's messages, and ours. */
const messages: readonly (readonly [RegExp, string])[] = [
  [/^Missing required arguments?: (.*)$/s, 'Give --$1'],
  [/^Not enough arguments following: (.*)$/s, '--$1: write a value behind it'],
  [/^Invalid values:\s+Argument: (.*), Given: (.*), Choices: (.*)$/s, '--$1 $2: choose one of $3'],
  [/^Arguments (.*) and (.*) are mutually exclusive$/s, 'Give --$1 or --$2, not both'],
  [
    /^Missing dependent arguments:\s+(\S+) -> (\S+).*$/s,
    '--$1 has an effect only with --$2; give both',
  ],
  [/^Not enough non-option arguments.*$/s, 'Name the file'],
  [/^Unknown arguments?: (.*)$/s, '$1: the command takes no such argument; remove it'],
]

/** @param message of the parser, or of a command that does not accept a value */
export function usageError(message: string, line: CommandLine): CommandError {
  const { args, commands, options } = line
  const [first = ''] = args
  if (first !== '' && !first.startsWith('-') && !commands.includes(first))
    return new CommandError(
      ExitCode.failed,
      withHelp(`There is no command ${first}${suggestion(first, commands, '')}`),
    )
  const command = commands.includes(first) ? first : ''
  const [option] = unknownOptions(args, options)
  if (option !== undefined) {
    const text = `There is no option ${option}${suggestion(option, options, '--')}`
    return new CommandError(ExitCode.usage, withHelp(text, command))
  }
  const [pattern, words] = messages.find(([known]) => known.test(message)) ?? [message, message]
  const code = command === '' ? ExitCode.failed : ExitCode.usage
  return new CommandError(code, withHelp(message.replace(pattern, words), command))
}

/** As typed, without values. Of a word with one dash, each letter is an option, as for the parser. */
function unknownOptions(args: readonly string[], options: readonly string[]): string[] {
  const known = new Set(options.flatMap((name) => [name, camelCase(name)]))
  const end = args.indexOf('--')
  return args.slice(0, end === -1 ? args.length : end).flatMap((word) => {
    const [, typed = '', name = ''] = /^(--(?:no-)?([^=.]+))/.exec(word) ?? []
    if (name !== '') return known.has(name) ? [] : [typed]
    const letters = /^-([a-z-]{2,})$/i.exec(word)?.[1] ?? ''
    return Array.from(letters).every((letter) => known.has(letter)) ? [] : [word]
  })
}

function suggestion(word: string, known: readonly string[], dashes: string): string {
  const long = known.filter((name) => name.length > 1)
  const meant = meantBy(word.replace(/^-+/, ''), long)
  return meant === undefined ? '' : `. Did you mean ${dashes}${meant}?`
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function withHelp(text: string, command = ''): string {
  return `${text}\nSee ${ownCommand()}${command === '' ? '' : ` ${command}`} --help`
}
