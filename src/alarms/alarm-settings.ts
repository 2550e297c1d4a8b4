/** Who is told about problems of the proxy, and about which ones. */
import type { Severity } from '../admin/problem.ts'

/** A receiver of HTTP requests. */
export interface Webhook {
  /** Its path can be a secret. Only its origin may be shown. */
  readonly url: URL
  /** Signs each request. Undefined: requests are not signed. */
  readonly secret: string | undefined
}

export interface AlarmSettings {
  readonly webhook: Webhook | undefined
  /** A program and its arguments. */
  readonly command: readonly string[] | undefined
  readonly minSeverity: Severity
  /** How the messages call this proxy. */
  readonly name: string
}
