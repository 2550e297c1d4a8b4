/** The JSON lines that `send --file` reads: one notification each. */
import { z } from 'zod'
import type { Command, Notification } from '../binary/notification.ts'
import { readInput } from './input.ts'

/** What was asked for, before the format has its say. */
export interface Draft extends Omit<Notification, 'kind'> {
  /** Its identifier where none was given: the number of its line. */
  readonly number: number
}

/** What the options say for every line. */
export interface UsualFields {
  readonly command: Command
  readonly expiration: number | undefined
  readonly priority: number | undefined
}

const line = z.strictObject({
  token: z.string().regex(/^([0-9a-f]{2})*$/i, { error: 'must be hexadecimal' }),
  payload: z.union([z.string(), z.record(z.string(), z.unknown())]),
  command: z.literal([0, 1, 2]).optional(),
  identifier: z.number().int().min(0).max(0xffff_ffff).optional(),
  expiration: z.number().int().min(0).max(0xffff_ffff).optional(),
  priority: z.number().int().min(0).max(255).optional(),
})

/**
 * Reads one notification a line; `usual` fills what a line leaves open.
 * @throws Error that names the line and what is wrong with it, and the system's error
 */
export async function draftsFrom(file: string, usual: UsualFields): Promise<Draft[]> {
  return (await readInput(file))
    .toString('utf8')
    .split('\n')
    .flatMap((text, index) => (text.trim() === '' ? [] : [fromLine(text, index + 1, file, usual)]))
}

function fromLine(text: string, number: number, file: string, usual: UsualFields): Draft {
  const { payload, token, ...rest } = parseLine(text, `${file}, line ${number}`)
  return {
    number,
    command: rest.command ?? usual.command,
    identifier: rest.identifier,
    token: Buffer.from(token, 'hex'),
    payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
    expiration: rest.expiration ?? usual.expiration,
    priority: rest.priority ?? usual.priority,
  }
}

function parseLine(text: string, where: string): z.output<typeof line> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error(`${where} is not JSON; write one object a line`)
  }
  const result = line.safeParse(value)
  if (result.success) return result.data
  throw new Error(`${where}: ${z.prettifyError(result.error)}`)
}
