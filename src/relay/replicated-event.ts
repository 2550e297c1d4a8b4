/** The events that the processes of a route exchange, as plain JSON. No event contains a payload. */
import { z } from 'zod'

const ending = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['delivered', 'expired']) }),
  z.object({
    kind: z.literal('unregistered'),
    reason: z.string(),
    /** UNIX seconds. */
    timestamp: z.number().optional(),
  }),
  z.object({ kind: z.literal('rejected'), reason: z.string() }),
])

/** How a delivery ended. */
export type Ending = Readonly<z.infer<typeof ending>>

const rememberedItem = z.object({
  /** See `Delivery.key`. */
  key: z.string(),
  /** apns-id of the first copy. */
  ref: z.string(),
  /** How the first copy ended; undefined while it has not ended. */
  ending: ending.optional(),
})

/** A notification behind a named one. */
export type RememberedItem = Readonly<z.infer<typeof rememberedItem>>

/** Id of a connection, the same in all processes. */
const id = z.string()
/** Key under which the error response limiter counts an error response. */
const loop = z.string()

const reporting = z.object({
  kind: z.literal('reporting'),
  id,
  sender: z.string(),
  statusCode: z.number(),
  /** Key of the named notification. */
  named: z.string().optional(),
  inFront: z.array(z.string()),
  behind: z.array(rememberedItem),
  ambiguous: z.boolean(),
  loop,
})

/** An error response is due. */
export type Reporting = Readonly<z.infer<typeof reporting>>

const arrived = z.object({
  kind: z.literal('arrived'),
  id,
  sender: z.string(),
  order: z.number(),
  /** See `Origin.hasPaused`. */
  hasPaused: z.boolean(),
  /** Name of the read in the process that appended the event. */
  batch: z.string(),
  keys: z.array(z.string()),
  /** apns-ids of the same notifications; undefined unless they stand behind an error response. */
  refs: z.array(z.string()).optional(),
})

/** One read brought notifications while the route remembers originals. */
export type Arrived = Readonly<z.infer<typeof arrived>>

const replicatedEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('opened'), id }),
  reporting,
  arrived,
  /** These stand behind an error response too. When they arrived, no process knew it yet. */
  z.object({ kind: z.literal('behind'), id, items: z.array(rememberedItem) }),
  /** The sender's EOF came before the error response. */
  z.object({ kind: z.literal('withdrawn'), id, loop }),
  /** The sender's EOF came after an error response. */
  z.object({ kind: z.literal('ended'), id }),
  z.object({ kind: z.literal('ending'), ref: z.string(), ending }),
  /** APNs rejected a token as bad. `setup`: see `RouteProof.setup`. */
  z.object({
    kind: z.literal('bad'),
    setup: z.string(),
    token: z.string(),
    reason: z.string(),
  }),
  /** APNs rejected a token of an unproven route. The place in the log decides whether its sender is told. */
  z.object({
    kind: z.literal('doubted'),
    /** See `RouteProof.setup`. */
    setup: z.string(),
    /** Name of the delivery in the process that appended the event. */
    name: z.string(),
    token: z.string(),
    reason: z.string(),
  }),
  /** APNs accepted a notification of an unproven route. */
  z.object({ kind: z.literal('proven'), setup: z.string() }),
  /** An operator says that the set-up is right, and the tokens are bad. */
  z.object({ kind: z.literal('overruled'), setup: z.string() }),
  /** Time has passed, and some originals have expired. */
  z.object({ kind: z.literal('elapsed') }),
  /** No remembered token is bad: the credential was at fault. */
  z.object({ kind: z.literal('good') }),
])

/** All processes of a route apply it. */
export type ReplicatedEvent = Readonly<z.infer<typeof replicatedEvent>>

/** @returns undefined if another program, or another version, wrote `json` */
export function parseReplicatedEvent(json: unknown): ReplicatedEvent | undefined {
  return replicatedEvent.safeParse(json).data
}

/** An event at its place in the log. */
export interface LoggedEvent {
  readonly event: ReplicatedEvent
  /** Increases with every event of the route; the same in all processes. */
  readonly position: number
  /** When the event was appended: ms since the epoch, by the clock of this process. */
  readonly atMs: number
}

/** Gives all processes the same events of the route in the same order. */
export interface RelayEventLog {
  /** Whether other processes apply the events too. */
  readonly isShared: boolean
  /** @returns ends it */
  listen(apply: (event: LoggedEvent) => void): () => void
  append(event: ReplicatedEvent): void
}
