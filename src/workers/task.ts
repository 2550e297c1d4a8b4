/** What a primary and its workers say to each other, as data that can be cloned. */
import type { Readiness } from '../admin/admin-server.ts'
import type { MetricSnapshot } from '../admin/metric-sum.ts'
import type { Sources } from '../admin/source-sum.ts'
import type { CensusFacts } from '../census/census.ts'
import type { RecorderOptions } from '../recording/recorder.ts'
import type { StoreAnswer, StoreRequest } from '../store/store-message.ts'
import type { PortableConfiguration } from './portable.ts'

/** Where a worker listens; all listen at the same addresses. */
export interface ListenerAddress {
  readonly kind: string
  readonly host: string
  readonly port: number
}

/** What a worker starts with. */
export interface WorkerStart {
  /** From 1 on; one that takes the place of another has the same. */
  readonly number: number
  readonly configuration: PortableConfiguration
  readonly recording: RecorderOptions | undefined
  /** File descriptors of the primary, see `ProxyDeps`. */
  readonly inherited: ReadonlyMap<string, number> | undefined
}

/** What a worker can be asked to do, and what it answers. */
export interface Tasks {
  readonly start: { given: WorkerStart; answer: readonly ListenerAddress[] }
  readonly reload: { given: PortableConfiguration; answer: undefined }
  /** The last one: the worker ends. */
  readonly stop: { given: undefined; answer: Stopped }
  readonly readiness: { given: undefined; answer: Readiness | undefined }
  readonly metrics: { given: undefined; answer: MetricSnapshot }
  readonly sources: { given: undefined; answer: Sources | undefined }
  readonly census: { given: undefined; answer: CensusFacts | undefined }
}

/** What a worker leaves behind. */
export interface Stopped {
  /** Whether all was settled. */
  readonly drained: boolean
  readonly census: CensusFacts | undefined
}

/** To a worker. */
export type Order =
  | { readonly kind: 'task'; readonly id: number; readonly name: keyof Tasks; given: unknown }
  | { readonly kind: 'store'; readonly answers: readonly StoreAnswer[] }

/** From a worker. */
export type Report =
  /** The first one: what was sent before it would not have been heard. */
  | { readonly kind: 'here' }
  | { readonly kind: 'done'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: Failure }
  | { readonly kind: 'store'; readonly requests: readonly StoreRequest[] }

/** An error with what the system says of it, which a channel would leave out. */
export interface Failure {
  readonly message: string
  readonly code?: unknown
  readonly syscall?: unknown
  readonly port?: unknown
}
