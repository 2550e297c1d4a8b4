/** Whether a store can be written and read, for whoever logs it. */

/** Of a store on this machine's disk. Each name is also that of the log event. */
export type StoreEvent =
  /** Emitted once; the same writes are tried again every second. */
  | { readonly event: 'journal.failed'; readonly error: Error }
  | { readonly event: 'journal.recovered-writing' }

/** Of a store in Redis. */
export type RedisStoreEvent =
  /** Emitted once until Redis is back: new entries are kept in memory. */
  | { readonly event: 'store.lost'; readonly error: Error }
  /** Redis has every entry again that it should have. */
  | { readonly event: 'store.back'; readonly awayMs: number }
  /** Entries that another process left cannot be read, and are lost. */
  | { readonly event: 'store.damaged' }
