/** The JSON lines that `send --file` reads: one notification each. */
import { z } from 'zod'
import type { Notification } from '../binary/notification.ts'
import type { SendArguments } from '../commands/send.ts'
import { readInput } from './input.ts'

/** A notification before it is encoded. */
export interface Draft extends Omit<Notification, 'kind'> {
  /** Number of its line, from 1: the identifier if the line has none. */
  readonly number: number
}

const line = z.strictObject({
  token: z.string().regex(/^([0-9a-f]{2})*$/i, { error: 'must be hexadecimal' }),
  payload: z.union([z.string(), z.record(z.string(), z.unknown())]),
  command: z.literal([0, 1, 2]).optional(),
  identifier: z.number().int().min(0).max(0xffff_ffff).optional(),
  expiration: z.number().int().min(0).max(0xffff_ffff).optional(),
  priority: z.number().int().min(0).max(255).optional(),
})

/** The options of `send` that apply to a line without the field. */
type Defaults = Pick<SendArguments, 'command' | 'expiration' | 'priority'>

/** @throws Error that names the line and its fault, and the system's error */
export async function draftsFrom(file: string, defaults: Defaults): Promise<Draft[]> {
  const lines = (await readInput(file)).toString('utf8').split('\n')
  return lines.flatMap((text, index) => {
    if (text.trim() === '') return []
    const number = index + 1
    const { token, payload, ...fields } = parseLine(text, `${file}, line ${number}`)
    return {
      number,
      command: fields.command ?? defaults.command,
      identifier: fields.identifier,
      token: Buffer.from(token, 'hex'),
      payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
      expiration: fields.expiration ?? defaults.expiration,
      priority: fields.priority ?? defaults.priority,
    }
  })
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
