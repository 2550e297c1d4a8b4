import t, { type Test } from 'tap'
import { delivered, type Outcome } from '../../src/apns/outcome.ts'
import { Pool } from '../../src/upstream/pool.ts'
import { Parcel, parcelOf } from '../fixtures/delivery.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { FakeSession } from '../fixtures/fake-session.ts'

interface Given {
  readonly pool: Pool
  readonly clock: FakeClock
  readonly sessions: FakeSession[]
  readonly events: string[]
  /** The session opened last. */
  readonly last: () => FakeSession
  readonly send: (count: number) => Parcel[]
  /** What the next attempts to connect throw. */
  broken: Error | undefined
}

/** Pauses are half of their maximum. */
function given(maxSessions = 4): Given {
  const clock = new FakeClock()
  const sessions: FakeSession[] = []
  const events: string[] = []
  const pool = new Pool(
    (owner) => {
      if (all.broken !== undefined) throw all.broken
      const session = new FakeSession(owner)
      sessions.push(session)
      return session
    },
    { maxSessions },
    {
      clock,
      random: () => 0,
      owner: {
        prepare: () => undefined,
        answered: (delivery, outcome, isPresentSetup) => {
          if (!isPresentSetup) events.push('answered by an earlier set-up')
          parcelOf(delivery).answered(outcome)
        },
        expired: (delivery) => {
          parcelOf(delivery).expired()
        },
        refused: (cause) => events.push(`refused ${cause}`),
        sessionLasted: () => events.push('steady'),
      },
      // As `closed reset 500`.
      emit: ({ event, ...fields }) =>
        events.push([event.replace('session.', ''), ...Object.values(fields)].join(' ')),
    },
  )
  const last = (): FakeSession => {
    const session = sessions.at(-1)
    if (session === undefined) throw new TypeError('no session was opened')
    return session
  }
  const send = (count: number): Parcel[] =>
    Array.from({ length: count }, () => {
      const parcel = new Parcel()
      pool.send(parcel)
      return parcel
    })
  const all: Given = { pool, clock, sessions, events, last, send, broken: undefined }
  return all
}

/** With one session that is ready. */
function started(limit = 1000, maxSessions = 4): Given {
  const all = given(maxSessions)
  all.pool.start()
  all.last().ready(limit)
  return all
}

t.test('keeps one session open', (t) => {
  const { pool, sessions, events, last } = given()
  pool.start()
  t.same(pool.load, { sessions: 0, streamLimit: 0, inFlight: 0 })
  last().ready()
  t.same(pool.load, { sessions: 1, streamLimit: 1000, inFlight: 0 })
  t.equal(sessions.length, 1)
  t.same(events, ['opening', 'ready'])
  t.end()
})

t.test('deliveries wait for the first session, in order', (t) => {
  const { pool, last, send, sessions } = given()
  pool.start()
  const parcels = send(3)
  t.equal(pool.waiting, 3)
  last().ready()
  t.equal(pool.waiting, 0)
  t.same(last().deliveries, parcels)
  t.equal(sessions.length, 1)
  t.end()
})

t.test('growth', (t) => {
  t.test('opens another session while requests wait for room', (t) => {
    const { pool, last, send, sessions } = started(2)
    send(3)
    t.equal(sessions.length, 2)
    t.equal(pool.waiting, 1)
    send(5)
    t.equal(sessions.length, 2, 'one at a time')
    last().ready(10)
    t.equal(pool.waiting, 0)
    t.same(pool.load, { sessions: 2, streamLimit: 12, inFlight: 8 })
    t.end()
  })

  t.test('opens no session above the limit; requests wait for an answer', (t) => {
    const { pool, send, sessions } = started(1, 1)
    send(3)
    t.equal(sessions.length, 1)
    t.equal(pool.waiting, 2)
    sessions[0]?.answer(delivered)
    t.equal(pool.waiting, 1)
    t.equal(sessions[0]?.inFlight, 1)
    t.end()
  })

  t.test('follows a stream limit that rises and falls', (t) => {
    const { pool, send, last } = started(1, 1)
    send(4)
    t.equal(last().inFlight, 1)
    last().ready(3)
    t.equal(last().inFlight, 3)
    last().ready(1)
    last().answer(delivered)
    last().answer(delivered)
    t.equal(pool.waiting, 1)
    last().answer(delivered)
    t.equal(pool.waiting, 0)
    t.end()
  })

  t.test('retries to open another session, with growing pauses', (t) => {
    const { pool, clock, send, sessions, last } = started(1)
    send(5)
    last().close('refused')
    send(5)
    t.equal(sessions.length, 2, 'not at once')
    clock.advance(250)
    t.equal(sessions.length, 3)
    last().close('refused')
    clock.advance(499)
    t.equal(sessions.length, 3)
    clock.advance(1)
    t.equal(sessions.length, 4)
    t.equal(pool.waiting, 9)
    t.end()
  })

  t.test('opens no session after the pause if no request waits', (t) => {
    const { clock, send, sessions, last } = started(1)
    send(2)
    last().close('refused')
    sessions[0]?.answer(delivered)
    sessions[0]?.answer(delivered)
    clock.advance(60_000)
    t.equal(sessions.length, 2)
    t.end()
  })
  t.end()
})

t.test('a session that drains', (t) => {
  t.test('is replaced at once, and finishes its requests', (t) => {
    const { pool, send, sessions, last, events } = started()
    const [one, two] = send(2)
    sessions[0]?.answer(delivered)
    sessions[0]?.goaway('Shutdown')
    t.equal(sessions.length, 2)
    const [three] = send(1)
    last().ready()
    t.same(last().deliveries, [three])
    t.same(sessions[0]?.deliveries, [two])
    t.same(pool.load, { sessions: 1, streamLimit: 1000, inFlight: 2 })
    sessions[0]?.answer(delivered)
    t.same(one?.ends, ['delivered'])
    t.same(two?.ends, ['delivered'])
    t.ok(events.includes('draining Shutdown'))
    t.end()
  })

  t.test('is not replaced at once if it has never answered', (t) => {
    const { clock, sessions } = started()
    sessions[0]?.goaway('BadCertificate')
    t.equal(sessions.length, 1)
    clock.advance(249)
    t.equal(sessions.length, 1)
    clock.advance(1)
    t.equal(sessions.length, 2)
    t.end()
  })

  t.test('is not replaced at once if another session takes requests', (t) => {
    const { send, sessions, last } = started(1)
    send(2)
    last().ready()
    sessions[0]?.answer(delivered)
    sessions[0]?.goaway('Shutdown')
    t.equal(sessions.length, 2)
    t.end()
  })

  t.test('is replaced at once even after failed attempts to open others', (t) => {
    const { pool, send, sessions, last } = started(1)
    send(3)
    last().close('refused')
    sessions[0]?.answer(delivered)
    sessions[0]?.goaway('Shutdown')
    t.equal(sessions.length, 3)
    last().ready()
    t.equal(pool.waiting, 0)
    t.end()
  })
  t.end()
})

t.test('a session that closes answers its requests in flight', (t) => {
  const { pool, clock, send, last } = started(2, 1)
  const parcels = send(3)
  for (const parcel of parcels)
    parcel.onAnswer = ({ kind }) => {
      if (kind === 'unavailable') pool.send(parcel)
    }
  last().close('reset')
  t.equal(pool.waiting, 3)
  clock.advance(250)
  last().ready()
  t.equal(last().inFlight, 3)
  while (last().inFlight > 0) last().answer(delivered)
  t.same(
    parcels.map(({ ends }) => ends.filter((end) => end === 'delivered').length),
    [1, 1, 1],
  )
  t.end()
})

t.test('the pause before the next attempt', (t) => {
  /** Lets each attempt fail; returns the pause after each, milliseconds. */
  const pauses = ({ events, last, clock }: Given, count: number): number[] =>
    Array.from({ length: count }, () => {
      last().close('refused')
      const pauseMs = Number(events.at(-1)?.split(' ').at(-1))
      clock.advance(pauseMs)
      return pauseMs
    })

  t.test('doubles, up to half a minute', (t) => {
    const all = given()
    all.pool.start()
    t.same(pauses(all, 9), [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
    t.equal(all.sessions.length, 10)
    t.end()
  })

  t.test('is 0 after a session that has answered, and starts again at the first pause', (t) => {
    const all = given()
    all.pool.start()
    pauses(all, 5)
    all.last().ready()
    all.send(1)
    all.last().answer(delivered)
    t.same(pauses(all, 3), [0, 250, 500])
    t.end()
  })

  t.test(
    'starts again at the first pause after a session that stayed open without requests',
    (t) => {
      const all = given()
      all.pool.start()
      pauses(all, 5)
      all.last().ready()
      all.clock.advance(5000)
      t.same(pauses(all, 2), [250, 500])
      t.end()
    },
  )

  t.test('is not shortened by deliveries', (t) => {
    const { pool, clock, send, sessions, last } = given()
    pool.start()
    last().close('refused')
    send(100)
    clock.advance(249)
    t.equal(sessions.length, 1)
    clock.advance(1)
    t.equal(sessions.length, 2)
    t.equal(pool.waiting, 100)
    t.end()
  })

  t.test('follows an attempt that throws', (t) => {
    const all = given()
    all.broken = new Error('key values mismatch')
    all.pool.start()
    t.same(all.events, ['opening', 'closed key values mismatch 250'])
    all.send(1)
    all.clock.advance(250)
    t.equal(all.events.at(-1), 'closed key values mismatch 500')
    all.broken = undefined
    all.clock.advance(500)
    all.last().ready()
    t.equal(all.last().inFlight, 1)
    t.end()
  })
  t.end()
})

t.test('reports an outage after half a second without a session that takes requests', (t) => {
  const { pool, clock, last } = given()
  pool.start()
  clock.advance(499)
  t.equal(pool.isOut, false)
  clock.advance(1)
  t.equal(pool.isOut, true)
  last().ready()
  t.equal(pool.isOut, false)
  clock.advance(60_000)
  last().goaway('Shutdown')
  clock.advance(499)
  t.equal(pool.isOut, false, 'one that is being replaced is none')
  clock.advance(1)
  t.equal(pool.isOut, true)
  t.end()
})

t.test('reports a session that has taken requests for 5 s', (t) => {
  const { clock, events, last } = started()
  clock.advance(4999)
  t.notOk(events.includes('steady'))
  clock.advance(1)
  t.ok(events.includes('steady'))
  last().close('reset')
  t.end()
})

t.test('does not report a session that closes before 5 s', (t) => {
  const { clock, events, last } = started()
  clock.advance(4000)
  last().close('reset')
  clock.advance(1000)
  t.notOk(events.includes('steady'))
  t.end()
})

t.test('expiry', (t) => {
  t.test('does not send a delivery that expired while it waited', (t) => {
    const { pool, clock, last } = given()
    const early = new Parcel({}, clock.now() + 1000)
    const late = new Parcel({}, clock.now() + 1001)
    pool.start()
    pool.send(early)
    pool.send(late)
    clock.advance(1000)
    last().ready()
    t.same(early.ends, ['expired'])
    t.same(last().deliveries, [late])
    t.end()
  })

  t.test('reports expired deliveries without a session', (t) => {
    const { pool, clock, last, send } = given()
    pool.start()
    const early = new Parcel({}, clock.now())
    const [before] = send(1)
    pool.send(early)
    const [after] = send(1)
    last().close('refused')
    t.same(early.ends, ['expired'])
    t.equal(pool.waiting, 2)
    clock.advance(250)
    last().ready()
    t.same(last().deliveries, [before, after], 'the others keep their order')
    t.end()
  })
  t.end()
})

t.test('after credentialRefused', (t) => {
  const forbidden: Outcome = { kind: 'credential', reason: 'Forbidden' }

  /** As a relay: sends again what was refused, and trusts when something was delivered. */
  const heed = ({ pool }: Given, parcels: readonly Parcel[]): void => {
    for (const parcel of parcels)
      parcel.onAnswer = ({ kind }) => {
        if (kind === 'delivered') pool.credentialAccepted()
        else {
          pool.credentialRefused()
          pool.send(parcel)
        }
      }
  }

  const refusedOnce = (t: Test): Given & { parcels: Parcel[] } => {
    const all = started()
    const parcels = all.send(3)
    heed(all, parcels)
    const [first] = all.sessions
    while (first && first.inFlight > 0) first.answer(forbidden)
    t.equal(all.pool.waiting, 3)
    return { ...all, parcels }
  }

  t.test('sends one request at a time, on a new session, after growing pauses', (t) => {
    const { clock, sessions, last } = refusedOnce(t)
    clock.advance(0)
    t.equal(sessions.length, 2, 'the one that said no is left')
    last().ready()
    t.equal(last().inFlight, 0)
    clock.advance(249)
    t.equal(last().inFlight, 0)
    clock.advance(1)
    t.equal(last().inFlight, 1)
    last().answer(forbidden)
    clock.advance(0)
    t.equal(sessions.length, 3)
    last().ready()
    clock.advance(499)
    t.equal(last().inFlight, 0)
    clock.advance(1)
    t.equal(last().inFlight, 1)
    t.end()
  })

  t.test('counts refusals at the same time as one', (t) => {
    const { pool, clock, last } = refusedOnce(t)
    pool.credentialRefused()
    pool.credentialRefused()
    clock.advance(0)
    last().ready()
    clock.advance(250)
    t.equal(last().inFlight, 1)
    t.end()
  })

  t.test('sends all deliveries after trust', (t) => {
    const { pool, clock, last, parcels } = refusedOnce(t)
    clock.advance(0)
    last().ready()
    clock.advance(250)
    last().answer(delivered)
    t.equal(last().inFlight, 2)
    t.equal(pool.waiting, 0)
    t.equal(parcels.flatMap(({ ends }) => ends).filter((end) => end === 'delivered').length, 1)
    t.end()
  })

  t.test('sends all deliveries at once after trust during a pause', (t) => {
    const { pool, clock, last } = refusedOnce(t)
    clock.advance(0)
    last().ready()
    pool.credentialAccepted()
    t.equal(last().inFlight, 3)
    clock.advance(60_000)
    t.equal(last().inFlight, 3)
    t.end()
  })

  t.test('starts again at the first pause with the next refusal', (t) => {
    const all = started()
    heed(all, all.send(1))
    for (const pauseMs of [250, 500]) {
      all.last().answer(forbidden)
      all.clock.advance(0)
      all.last().ready()
      all.clock.advance(pauseMs)
    }
    all.pool.credentialAccepted()
    all.last().answer(forbidden)
    all.clock.advance(0)
    all.last().ready()
    all.clock.advance(249)
    t.equal(all.last().inFlight, 0)
    all.clock.advance(1)
    t.equal(all.last().inFlight, 1)
    t.end()
  })

  t.test('sends the next request after an answer that does not concern the credential', (t) => {
    const { clock, last } = refusedOnce(t)
    clock.advance(0)
    last().ready()
    clock.advance(250)
    const [parcel] = last().deliveries
    if (parcel instanceof Parcel) parcel.onAnswer = () => undefined
    last().answer({ kind: 'unavailable', reason: 'ServiceUnavailable', retry: 'later' })
    t.equal(last().inFlight, 1)
    t.end()
  })

  t.test('uses a session that was opening for the trial, even while the old one drains', (t) => {
    const all = started(2)
    const parcels = all.send(3)
    heed(all, parcels)
    const [slow] = all.sessions
    const [, second] = parcels
    if (second !== undefined) second.onAnswer = () => undefined
    slow?.answer(forbidden)
    all.last().ready(2)
    all.clock.advance(250)
    t.equal(all.last().inFlight, 0, 'something else is still in flight')
    slow?.answer({ kind: 'unavailable', reason: 'ServiceUnavailable', retry: 'later' })
    all.clock.advance(60_000)
    t.equal(all.last().inFlight, 1)
    t.end()
  })

  t.test('reports a refused handshake, and retries', (t) => {
    const { pool, clock, events, sessions, last } = given()
    pool.start()
    last().close('alert certificate revoked', { credential: true })
    t.equal(events.at(-1), 'refused alert certificate revoked')
    clock.advance(250)
    t.equal(sessions.length, 2)
    t.end()
  })
  t.end()
})

t.test('reconfigure', (t) => {
  /** Sessions with the new configuration, in addition to those that `given` counts. */
  const renew = (pool: Pool, maxSessions = 4, isSameSetup = true): FakeSession[] => {
    const fresh: FakeSession[] = []
    pool.reconfigure(
      (owner) => {
        const session = new FakeSession(owner)
        fresh.push(session)
        return session
      },
      { maxSessions },
      isSameSetup,
    )
    return fresh
  }

  t.test('with another set-up, nothing more is sent with the old one', (t) => {
    const { pool, send, last, events } = given()
    pool.start()
    const old = last()
    old.ready()
    send(1)
    const [fresh] = renew(pool, 4, false)
    send(1)
    t.equal(old.deliveries.length, 1)
    t.equal(fresh?.deliveries.length, 0)
    fresh?.ready()
    t.equal(fresh?.deliveries.length, 1)
    old.answer(delivered)
    t.ok(events.includes('answered by an earlier set-up'))
    t.end()
  })

  t.test('present sessions take requests until a new one is ready, and finish theirs', (t) => {
    const { pool, send, last } = given()
    pool.start()
    const old = last()
    old.ready()
    const [one] = send(1)
    const [fresh] = renew(pool)
    const [two] = send(1)
    t.equal(old.inFlight, 2)
    fresh?.ready()
    t.equal(old.drained, 1)
    const [three] = send(1)
    t.equal(fresh?.inFlight, 1)
    old.answer(delivered)
    old.answer(delivered)
    fresh?.answer(delivered)
    t.same([one?.ends, two?.ends, three?.ends], [['delivered'], ['delivered'], ['delivered']])
    t.end()
  })

  t.test('closes a session that is still opening', (t) => {
    const { pool, send, last } = given()
    pool.start()
    const old = last()
    const [parcel] = send(1)
    const [fresh] = renew(pool)
    t.equal(old.destroyed, 1)
    fresh?.ready()
    fresh?.answer(delivered)
    t.same(parcel?.ends, ['delivered'])
    t.end()
  })

  t.test('ends the pause after a failure and the trials of a refused credential', (t) => {
    const { pool, send, last } = given()
    pool.start()
    last().close('refused')
    pool.credentialRefused()
    send(2)
    const [fresh] = renew(pool)
    fresh?.ready()
    t.equal(fresh?.inFlight, 2)
    t.end()
  })

  t.test('opens a new session even if old ones reach the limit', (t) => {
    const { pool, last } = given(1)
    pool.start()
    last().ready()
    t.equal(renew(pool, 1).length, 1)
    t.end()
  })

  t.test('called twice, closes a session that was never used', (t) => {
    const { pool, last } = given()
    pool.start()
    last().ready()
    const [first] = renew(pool)
    const [second] = renew(pool)
    t.equal(first?.destroyed, 1)
    second?.ready()
    t.equal(last().drained, 1)
    t.same(pool.load, { sessions: 1, streamLimit: 1000, inFlight: 0 })
    t.end()
  })
  t.end()
})

t.test('drain', (t) => {
  t.test('finishes requests in flight and sends no more', async (t) => {
    const { pool, clock, last, send, sessions } = started()
    const [one] = send(1)
    const drained = Promise.all([pool.drain(), pool.drain()])
    send(1)
    t.equal(last().inFlight, 1)
    last().answer(delivered)
    t.same(one?.ends, ['delivered'])
    await drained
    await pool.drain()
    clock.advance(60_000)
    t.equal(sessions.length, 1)
    t.equal(pool.waiting, 1)
  })

  t.test('resolves at once without a session', async (t) => {
    const { pool, clock, sessions, last } = given()
    pool.start()
    last().close('refused')
    await pool.drain()
    clock.advance(60_000)
    t.equal(sessions.length, 1)
  })

  t.test('resolves when it is destroyed', async (t) => {
    const { pool, send } = started()
    const [one] = send(1)
    const drained = pool.drain()
    pool.destroy()
    await drained
    t.same(one?.ends, ['unavailable'])
  })

  t.test('ignores credentialRefused', async (t) => {
    const { pool, clock } = started()
    await pool.drain()
    pool.credentialRefused()
    pool.credentialAccepted()
    t.equal(clock.pending, 1, 'but for the sign of health')
  })
  t.end()
})

t.test('destroy closes every session and opens no other', (t) => {
  const { pool, clock, send, sessions, last } = started(1)
  const parcels = send(2)
  last().ready()
  pool.destroy()
  pool.destroy()
  t.same(
    parcels.map(({ ends }) => ends),
    [['unavailable'], ['unavailable']],
  )
  t.same(pool.load, { sessions: 0, streamLimit: 0, inFlight: 0 })
  send(1)
  clock.advance(60_000)
  t.equal(sessions.length, 2)
  t.end()
})

t.test('sends a queue of many thousands in order', (t) => {
  const { pool, last, send } = given(1)
  pool.start()
  const parcels = send(5000)
  last().ready(5000)
  t.equal(last().inFlight, 5000)
  t.ok(last().deliveries.every((delivery, index) => delivery === parcels[index]))
  t.end()
})
