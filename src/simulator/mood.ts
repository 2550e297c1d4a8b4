/** Moods: what the simulator answers to every request when everything goes wrong. */
import type { ScriptedAnswer } from './scripted-answer.ts'

/** For a rehearsal: `bad…` is not a token of this environment, `dead…` is a removed app. */
export const rehearsalAnswers: readonly ScriptedAnswer[] = [
  { tokenPrefix: 'bad', reason: 'BadDeviceToken' },
  { tokenPrefix: 'dead', reason: 'Unregistered' },
]

const retryAfterSeconds = 5

const answerOf = {
  /** As to tokens of the other environment. */
  'environment-mismatch': { reason: 'BadDeviceToken' },
  /** A captive portal shows its login page. */
  'login-page': { reason: 'LOGIN_PAGE' },
  /** A captive portal redirects. */
  redirect: { reason: 'REDIRECT' },
  /** A company's proxy wants a password. */
  'proxy-auth': { reason: 'PROXY_AUTH' },
  throttled: { reason: 'TooManyRequests', retryAfterSeconds },
  outage: { reason: 'ServiceUnavailable' },
  'all-gone': { reason: 'Unregistered' },
} as const satisfies Readonly<Record<string, Omit<ScriptedAnswer, 'tokenPrefix'>>>

export type Mood = keyof typeof answerOf

export const moods: readonly Mood[] = [
  'environment-mismatch',
  'login-page',
  'redirect',
  'proxy-auth',
  'throttled',
  'outage',
  'all-gone',
]

/** What a mood answers, as a script names it. */
export function reasonIn(mood: Mood): string {
  return answerOf[mood].reason
}

/** The script of a mood; without one, that of an ordinary rehearsal. */
export function answersIn(mood: Mood | undefined): readonly ScriptedAnswer[] {
  return mood === undefined ? rehearsalAnswers : [{ tokenPrefix: '', ...answerOf[mood] }]
}
