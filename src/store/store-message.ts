/** What workers and the process that keeps their store tell each other, as data that can be cloned. */
import type { StoredToken } from './store.ts'

/** From a worker. Its entries bear numbers of its own, which rise. */
export type StoreRequest =
  | { readonly kind: 'put'; readonly key: number; readonly entry: Buffer }
  /** Entries that are settled as a whole. */
  | { readonly kind: 'settled'; readonly keys: readonly number[] }
  | { readonly kind: 'settled-partly'; readonly key: number; readonly bits: Buffer }
  /** It takes over what others leave, from now on. */
  | { readonly kind: 'claim' }
  | { readonly kind: 'flush'; readonly id: number }
  | { readonly kind: 'listen'; readonly route: string }
  | { readonly kind: 'append'; readonly route: string; readonly event: unknown }
  | {
      readonly kind: 'agree'
      readonly id: number
      readonly name: string
      readonly own: StoredToken
      readonly sinceMs: number
    }
  | FeedbackRequest

/** Those about feedback; a hold has a number of the worker's. */
export type FeedbackRequest =
  | {
      readonly kind: 'feedback-add'
      readonly route: string
      readonly token: string
      readonly timestamp: number
    }
  | { readonly kind: 'feedback-drop'; readonly route: string; readonly token: string }
  | { readonly kind: 'feedback-hold'; readonly id: number; readonly route: string }
  | { readonly kind: 'feedback-forget'; readonly id: number; readonly route: string }
  | { readonly kind: 'feedback-release'; readonly id: number }

/** To a worker. */
export type StoreAnswer =
  | { readonly kind: 'health'; readonly healthy: boolean }
  /** An entry that somebody else has left; its number is below zero, so that it is none of the worker's. */
  | {
      readonly kind: 'claimed'
      readonly key: number
      readonly entry: Buffer
      readonly settled: Buffer | undefined
    }
  | { readonly kind: 'flushed'; readonly id: number }
  | { readonly kind: 'agreed'; readonly id: number; readonly token: StoredToken }
  /** Feedback tuples as they stand on the wire, one behind the other: now in the list of a route. */
  | { readonly kind: 'feedback-added'; readonly route: string; readonly tuples: Buffer }
  /** In the list no more, but for tokens that have a later timestamp. */
  | { readonly kind: 'feedback-removed'; readonly route: string; readonly tuples: Buffer }
  | { readonly kind: 'feedback-held'; readonly id: number; readonly tuples: Buffer }
  | { readonly kind: 'feedback-forgotten'; readonly id: number }
  | {
      readonly kind: 'told'
      readonly route: string
      readonly event: unknown
      readonly position: number
      readonly atMs: number
      readonly own: boolean
    }
