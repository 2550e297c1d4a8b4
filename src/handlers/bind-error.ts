/** Names the configuration key of an address that cannot be bound. */
import type { Configuration } from '../config/configuration.ts'

interface BindError extends Error {
  readonly code: string
  readonly port: number
}

/** Whether another program uses the address. */
export function isAddressInUse(error: unknown): error is BindError {
  return isBindError(error) && error.code === 'EADDRINUSE'
}

/** The system call is `bind` where a supervisor binds the address of a worker. */
function isBindError(error: unknown): error is BindError {
  return (
    error instanceof Error &&
    'port' in error &&
    'syscall' in error &&
    (error.syscall === 'listen' || error.syscall === 'bind')
  )
}

/** Adds the keys of the address, such as `admin.port`, to the message of a bind error. */
export function withKey(error: unknown, { listeners, admin }: Configuration): unknown {
  if (!isBindError(error)) return error
  const ports = new Map(listeners.map(({ port }, index) => [`listeners[${index}].port`, port]))
  const keys = [...ports.set('admin.port', admin.port)]
    .filter(([, port]) => port === error.port)
    .map(([key]) => key)
  error.message = `${keys.join(' and ')}: ${error.message}`
  return error
}
