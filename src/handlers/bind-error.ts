/** An address that cannot be bound, told with the key of the configuration that asks for it. */
import type { Configuration } from '../config/configuration.ts'

interface BindError extends Error {
  readonly code: string
  readonly port: number
}

/** Whether the system refused an address because another program has it. */
export function isAddressInUse(error: unknown): error is BindError {
  return isBindError(error) && error.code === 'EADDRINUSE'
}

/** A worker's address is bound by its supervisor, and the system call has another name then. */
function isBindError(error: unknown): error is BindError {
  return (
    error instanceof Error &&
    'port' in error &&
    'syscall' in error &&
    (error.syscall === 'listen' || error.syscall === 'bind')
  )
}

/** Says in its message which key asks for the address, if any does. */
export function withKey(error: unknown, { listeners, admin }: Configuration): unknown {
  if (!isBindError(error)) return error
  const keys = [
    ...listeners.map(({ port }, index) => ({ key: `listeners[${index}].port`, port })),
    { key: 'admin.port', port: admin.port },
  ].filter(({ port }) => port === error.port)
  error.message = `${keys.map(({ key }) => key).join(' and ')}: ${error.message}`
  return error
}
