/** Host names of Apple's binary gateway and feedback service, as senders have them configured. */
import type { Environment } from './certificate.ts'

/** — source: Apple, "Binary Provider API" and "The Feedback Service" */
export const appleHosts = {
  production: ['gateway.push.apple.com', 'feedback.push.apple.com'],
  sandbox: ['gateway.sandbox.push.apple.com', 'feedback.sandbox.push.apple.com'],
} as const satisfies Readonly<Record<Environment, readonly string[]>>

export const allAppleHosts: readonly string[] = [...appleHosts.production, ...appleHosts.sandbox]
