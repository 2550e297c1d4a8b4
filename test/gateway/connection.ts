import t from 'tap'
import { enhanced, MemoryGateway, simple, type Dialled } from '../fixtures/memory-gateway.ts'
import { badToken, delivered, tokenOf } from '../fixtures/relay-scene.ts'

/** Notifications numbered by token and identifier, as one piece of bytes. */
function frames(from: number, to: number): Buffer {
  return Buffer.concat(
    Array.from({ length: to - from + 1 }, (_, index) =>
      enhanced(from + index, tokenOf(from + index)),
    ),
  )
}

function arrive({ socket }: Dialled, bytes: Buffer): void {
  socket.write(bytes)
  socket.carry()
}

function finish({ socket }: Dialled, bytes?: Buffer): void {
  if (bytes !== undefined) socket.write(bytes)
  socket.finish()
  socket.carry()
}

/** One connection, and the numbers of the notifications that APNs has not answered. */
function dial(gateway: MemoryGateway): Dialled & { readonly waiting: () => number[] } {
  return { ...gateway.dial(), waiting: () => waiting(gateway) }
}

function waiting({ scene }: MemoryGateway): number[] {
  return scene.upstream.waiting.map(({ request }) => Number.parseInt(request.token.slice(0, 8), 16))
}

/** A connection that has received 1 and 2, and has got an error response about 1. */
function reported(gateway: MemoryGateway): Dialled {
  const dialled = gateway.dial()
  arrive(dialled, frames(1, 2))
  gateway.scene.upstream.answer(badToken)
  gateway.pass(20)
  return dialled
}

t.test(
  'the proxy writes nothing about accepted notifications, however long the sender stays connected',
  (t) => {
    const gateway = new MemoryGateway()
    const { socket, events, ...dialled } = dial(gateway)
    socket.write(frames(1, 3))
    socket.carry()
    t.same(dialled.waiting(), [1, 2, 3])
    gateway.scene.upstream.answerAll(delivered)
    gateway.pass(100_000)
    t.equal(socket.ended, false)
    t.same(events, [])
    t.end()
  },
)

t.test('the proxy writes six bytes, closes its side, and reads on', (t) => {
  const gateway = new MemoryGateway()
  const { socket, events, ...dialled } = dial(gateway)
  socket.write(frames(1, 3))
  socket.carry()
  gateway.scene.upstream.answer(delivered)
  gateway.scene.upstream.answer(badToken)
  gateway.pass(10)
  t.equal(socket.written, '')
  gateway.pass(10)
  t.equal(socket.written, '080800000002')
  t.equal(socket.ended, true)
  t.same(events, ['reported 8 2'])
  socket.write(frames(4, 5))
  socket.carry()
  t.same(dialled.waiting(), [3, 4, 5], 'what stands behind it is delivered')
  gateway.scene.upstream.answerAll(badToken)
  gateway.pass(1000)
  t.equal(socket.written, '080800000002', 'and there is no second one')
  socket.finish()
  socket.carry()
  t.same(events, ['reported 8 2', 'closed 5'])
  t.end()
})

t.test('an error response waits until the sender is quiet, for 100 ms at most', (t) => {
  const gateway = new MemoryGateway()
  const dialled = gateway.dial()
  arrive(dialled, frames(1, 1))
  gateway.scene.upstream.answer(badToken)
  for (let number = 2; number <= 11; number++) {
    t.equal(dialled.socket.written, '')
    gateway.pass(10)
    arrive(dialled, frames(number, number))
  }
  t.equal(dialled.socket.written, '080800000001')
  t.end()
})

t.test('a sender that has resent before gets an error response at once', (t) => {
  const gateway = new MemoryGateway()
  finish(reported(gateway))
  const again = gateway.dial()
  arrive(again, frames(2, 3))
  gateway.scene.upstream.answer(badToken)
  t.equal(again.socket.written, '080800000002')
  t.end()
})

t.test('after the sender’s EOF the proxy writes nothing, and closes the connection', (t) => {
  const gateway = new MemoryGateway()
  const { socket, events } = gateway.dial()
  finish({ socket, events } as Dialled, frames(1, 2))
  t.equal(socket.ended, false)
  gateway.scene.upstream.answer(badToken)
  gateway.scene.upstream.answer(delivered)
  t.equal(socket.ended, true)
  gateway.pass(1000)
  t.equal(socket.written, '')
  t.same(events, ['closed 2'])
  t.match(gateway.scene.relay.counters.settled, { untold: 1, delivered: 1 })
  t.end()
})

t.test(
  'the proxy closes a connection 500 ms after the sender’s EOF, even during an outage',
  (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    finish(dialled, frames(1, 2))
    gateway.pass(490)
    t.equal(dialled.socket.ended, false)
    gateway.pass(10)
    t.same(dialled.events, ['closed 2'])
    gateway.scene.upstream.answerAll(delivered)
    t.match(gateway.scene.relay.counters.settled, { delivered: 2 })
    t.end()
  },
)

t.test(
  'a rejected notification of command 0 gets no answer, and its connection stays open',
  (t) => {
    const gateway = new MemoryGateway()
    const { socket, ...dialled } = dial(gateway)
    socket.write(simple(tokenOf(1)))
    socket.carry()
    gateway.scene.upstream.answer(badToken)
    gateway.pass(1000)
    t.equal(socket.ended, false)
    socket.write(simple(tokenOf(2)))
    socket.carry()
    t.same(dialled.waiting(), [2])
    t.match(gateway.scene.relay.counters.settled, { untold: 1 })
    t.end()
  },
)

t.test('the notifications of one read are one journal entry', (t) => {
  const gateway = new MemoryGateway()
  const dialled = gateway.dial()
  arrive(dialled, frames(1, 3))
  arrive(dialled, frames(4, 4))
  t.same(
    gateway.scene.journal.batches.map(({ length }) => length),
    [3, 1],
  )
  t.end()
})

t.test('an unreadable stream', (t) => {
  const nonsense = Buffer.from('GET / HTTP/1.1\r\n\r\n')

  t.test('is closed at once and without an answer if nothing is unsettled', (t) => {
    const gateway = new MemoryGateway()
    const { socket, events } = gateway.dial()
    socket.write(nonsense)
    socket.carry()
    t.equal(socket.ended, true)
    t.equal(socket.written, '')
    t.same(events, ['faulted unknown-command'])
    t.end()
  })

  t.test(
    'is closed after the notifications before it are settled; a rejection of one is reported',
    (t) => {
      const gateway = new MemoryGateway()
      const dialled = gateway.dial()
      arrive(dialled, Buffer.concat([frames(1, 2), nonsense]))
      t.equal(dialled.socket.ended, false)
      gateway.scene.upstream.answer(delivered)
      gateway.scene.upstream.answer(badToken)
      gateway.pass(20)
      t.equal(dialled.socket.written, '080800000002')
      t.end()
    },
  )

  t.test('is closed after 500 ms even if a notification is unsettled', (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    arrive(dialled, Buffer.concat([frames(1, 1), nonsense]))
    gateway.pass(490)
    t.equal(dialled.socket.ended, false)
    gateway.pass(10)
    t.equal(dialled.socket.ended, true)
    gateway.scene.upstream.answer(badToken)
    t.match(gateway.scene.relay.counters.settled, { untold: 1 })
    t.end()
  })

  t.test('bytes after the unreadable ones are read and dropped', (t) => {
    const gateway = new MemoryGateway()
    const { socket, ...dialled } = dial(gateway)
    socket.write(nonsense)
    socket.carry()
    socket.write(frames(1, 1))
    socket.carry()
    t.same(dialled.waiting(), [])
    socket.finish()
    socket.carry()
    t.same(dialled.events, ['faulted unknown-command', 'closed 0'])
    t.end()
  })

  t.test('a stream that ends inside a notification loses only this notification', (t) => {
    const gateway = new MemoryGateway()
    const { socket, ...dialled } = dial(gateway)
    socket.write(frames(1, 2).subarray(0, -1))
    socket.finish()
    socket.carry()
    t.same(dialled.waiting(), [1])
    gateway.scene.upstream.answerAll(delivered)
    t.same(dialled.events, ['faulted truncated', 'closed 1'])
    t.end()
  })
  t.end()
})

t.test('the proxy reads and owns everything, however long APNs takes to answer', (t) => {
  const gateway = new MemoryGateway()
  const { socket, ...dialled } = dial(gateway)
  for (let from = 1; from <= 5000; from += 250) {
    arrive({ socket, ...dialled }, frames(from, from + 249))
    gateway.pass(10)
  }
  t.equal(dialled.waiting().length, 5000)
  t.equal(gateway.scene.journal.unsettled, 5000)
  t.equal(socket.isPaused(), false)
  t.end()
})

t.test('the proxy decodes a large read in slices, and pauses the sender between them', (t) => {
  const gateway = new MemoryGateway()
  const { socket, ...dialled } = dial(gateway)
  socket.write(frames(1, 600))
  socket.carry()
  t.equal(dialled.waiting().length, 128)
  t.equal(socket.isPaused(), true)
  gateway.scene.upstream.answerAll(delivered)
  t.same(dialled.waiting(), [], 'answers come before the next slice')
  gateway.pass(1)
  t.equal(dialled.waiting().length, 472)
  t.equal(socket.isPaused(), false)
  t.equal(gateway.scene.journal.batches.length, 5, 'one entry for each')
  t.end()
})

t.test('the room of the route', (t) => {
  const room = { maxEntries: 9, maxBytes: 1e9 }

  t.test('when full, pauses the sender until a notification is settled', (t) => {
    const gateway = new MemoryGateway({ room })
    const { socket, ...dialled } = dial(gateway)
    socket.write(frames(1, 12))
    socket.carry()
    t.same(dialled.waiting(), [1, 2, 3, 4, 5, 6, 7, 8])
    t.equal(socket.isPaused(), true)
    gateway.scene.upstream.answer(delivered, 1)
    gateway.pass(1)
    t.same(dialled.waiting(), [1, 3, 4, 5, 6, 7, 8, 9])
    t.equal(socket.isPaused(), true)
    gateway.scene.upstream.answerAll(delivered)
    gateway.pass(1)
    t.same(dialled.waiting(), [10, 11, 12])
    t.equal(socket.isPaused(), false)
    t.end()
  })

  t.test('is shared: a connection that owns few notifications gets a part of the rest', (t) => {
    const gateway = new MemoryGateway({ room: { ...room, maxEntries: 90 } })
    arrive(gateway.dial(), frames(1, 200))
    gateway.pass(100)
    t.equal(waiting(gateway).length, 80)
    arrive(gateway.dial(), frames(201, 400))
    gateway.pass(100)
    t.equal(waiting(gateway).length, 89)
    t.ok(waiting(gateway).includes(201))
    arrive(gateway.dial(), frames(401, 600))
    t.ok(waiting(gateway).includes(401))
    t.end()
  })

  t.test('is also limited in bytes: each notification counts its payload and 1 KiB', (t) => {
    const gateway = new MemoryGateway({ room: { maxEntries: 1000, maxBytes: 9 * (1024 + 25) } })
    arrive(gateway.dial(), frames(1, 4))
    arrive(gateway.dial(), frames(5, 8))
    t.same(waiting(gateway), [1, 2, 3, 4, 5, 6, 7, 8])
    gateway.scene.upstream.answerAll(delivered)
    const { connection, socket } = gateway.dial()
    for (let number = 9; number <= 30; number++)
      arrive({ connection, socket, events: [] }, frames(number, number))
    t.equal(waiting(gateway).length, 8)
    t.equal(socket.isPaused(), true)
    t.end()
  })
  t.end()
})

t.test('while the journal is full, the proxy decodes nothing and closes no connection', (t) => {
  let room = false
  const gateway = new MemoryGateway({ canWrite: () => room })
  const { socket, ...dialled } = dial(gateway)
  socket.write(frames(1, 2))
  socket.carry()
  gateway.pass(60_000)
  t.same(dialled.waiting(), [])
  t.equal(socket.isPaused(), true)
  t.equal(socket.ended, false)
  room = true
  gateway.pass(50)
  t.same(dialled.waiting(), [1, 2])
  t.equal(socket.isPaused(), false)
  t.end()
})

t.test(
  'notifications of a sender that has disconnected still wait for room in the journal',
  (t) => {
    let room = false
    const gateway = new MemoryGateway({ canWrite: () => room })
    const { socket, ...dialled } = dial(gateway)
    socket.write(frames(1, 2))
    socket.carry()
    socket.reset()
    gateway.pass(1000)
    t.same(dialled.waiting(), [])
    room = true
    gateway.pass(50)
    t.same(dialled.waiting(), [1, 2])
    t.end()
  },
)

t.test('a connection that is opened after an error response', (t) => {
  t.test('is held back until the connection with the error response ends', (t) => {
    const gateway = new MemoryGateway()
    const old = reported(gateway)
    old.socket.write(frames(3, 3))
    arrive(gateway.dial(), frames(2, 4))
    t.same(waiting(gateway), [2])
    finish(old)
    t.same(waiting(gateway), [2, 3, 4], '2 and 3 are resends, 4 is new')
    t.end()
  })

  t.test('is held back until 500 ms after the last notification on that connection', (t) => {
    const gateway = new MemoryGateway()
    const old = reported(gateway)
    arrive(gateway.dial(), frames(2, 4))
    gateway.pass(490)
    arrive(old, frames(3, 3))
    t.same(waiting(gateway), [2, 3])
    gateway.pass(490)
    t.same(waiting(gateway), [2, 3])
    gateway.pass(10)
    t.same(waiting(gateway), [2, 3, 4], '2 and 3 are resends')
    t.end()
  })

  t.test('is held back for 10 s at most if the sender never pauses on that connection', (t) => {
    const gateway = new MemoryGateway()
    const old = reported(gateway)
    arrive(gateway.dial(), frames(100, 100))
    for (let written = 10; written < 34; written++) {
      gateway.pass(400)
      t.notOk(waiting(gateway).includes(100))
      arrive(old, frames(written, written))
    }
    gateway.pass(400)
    t.ok(waiting(gateway).includes(100))
    t.end()
  })

  t.test('is held back until all connections with an error response have ended', (t) => {
    const gateway = new MemoryGateway()
    const one = gateway.dial()
    const two = gateway.dial()
    arrive(one, frames(1, 1))
    arrive(two, frames(2, 2))
    gateway.scene.upstream.answerAll(badToken)
    gateway.pass(20)
    arrive(gateway.dial(), frames(3, 3))
    finish(one)
    t.same(waiting(gateway), [])
    finish(two)
    t.same(waiting(gateway), [3])
    gateway.pass(1000)
    t.same(waiting(gateway), [3])
    t.end()
  })

  t.test('is not held back if it is of another sender', (t) => {
    const gateway = new MemoryGateway()
    reported(gateway)
    arrive(gateway.dial('another'), frames(3, 3))
    t.same(waiting(gateway), [2, 3])
    t.end()
  })

  t.test('is not held back if the reported connection has been silent for a minute', (t) => {
    const gateway = new MemoryGateway()
    reported(gateway)
    gateway.pass(59_990)
    arrive(gateway.dial(), frames(20, 20))
    t.same(waiting(gateway), [2])
    gateway.pass(510)
    arrive(gateway.dial(), frames(3, 4))
    t.same(waiting(gateway), [2, 20, 3, 4])
    t.end()
  })

  t.test('is decoded to its end even if the sender reset it while it was held back', (t) => {
    const gateway = new MemoryGateway()
    reported(gateway)
    const again = gateway.dial()
    arrive(again, frames(3, 4))
    again.socket.reset()
    t.same(waiting(gateway), [2])
    gateway.pass(500)
    t.same(waiting(gateway), [2, 3, 4])
    t.end()
  })
  t.end()
})

t.test(
  'the proxy notices the sender’s EOF behind a large read, and writes no error response',
  (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    const { socket, events } = dialled
    finish(dialled, frames(1, 300))
    t.equal(socket.isPaused(), true)
    gateway.scene.upstream.answer(badToken)
    gateway.pass(200)
    t.equal(waiting(gateway).length, 299)
    gateway.scene.upstream.answerAll(delivered)
    t.equal(socket.written, '', 'a response would destroy what is still on its way')
    t.same(events, ['closed 300'])
    t.end()
  },
)

t.test('before an error response, the proxy reads what arrived while the process was busy', (t) => {
  const gateway = new MemoryGateway()
  const dialled = gateway.dial()
  const { socket, events } = dialled
  arrive(dialled, frames(1, 2))
  gateway.scene.upstream.answer(badToken)
  socket.write(frames(3, 3))
  socket.finish()
  // The process was busy: it reads only after its first late timers.
  gateway.scene.clock.after(20, () =>
    gateway.scene.clock.after(0, () => {
      socket.carry()
    }),
  )
  gateway.pass(1000)
  gateway.scene.upstream.answerAll(delivered)
  t.equal(socket.written, '')
  t.same(events, ['closed 3'])
  t.end()
})

t.test('a resend that contains the bad token twice is no new run', (t) => {
  const gateway = new MemoryGateway()
  const dialled = gateway.dial()
  const behind = Buffer.concat([enhanced(2, tokenOf(1)), frames(3, 5)])
  arrive(dialled, Buffer.concat([enhanced(1, tokenOf(1)), behind]))
  gateway.scene.upstream.answer(badToken)
  gateway.scene.upstream.answer(badToken)
  gateway.scene.upstream.answerAll(delivered)
  gateway.pass(20)
  t.equal(dialled.socket.written, '080800000001')
  finish(dialled)
  const again = gateway.dial()
  arrive(again, behind)
  gateway.pass(20)
  t.same(waiting(gateway), [], 'nothing is sent twice')
  t.equal(again.socket.written, '080800000002')
  t.end()
})

t.test('settled deliveries with repeated identifiers are remembered without their payload', (t) => {
  const gateway = new MemoryGateway()
  const { upstream } = gateway.scene
  arrive(gateway.dial(), Buffer.concat([enhanced(0, tokenOf(1)), enhanced(0, tokenOf(2))]))
  const shipments = [...upstream.waiting]
  const payloadBytes = (): number[] => shipments.map(({ request }) => request.payload.length)
  upstream.answer(delivered)
  t.same(payloadBytes(), [0, 25], 'the second one may still be sent again')
  upstream.answer(delivered)
  t.same(payloadBytes(), [0, 0])
  t.end()
})

t.test('stopped', (t) => {
  t.test('closes an idle connection without an answer', (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    arrive(dialled, frames(1, 1))
    gateway.scene.upstream.answer(delivered)
    gateway.pass(1000)
    void dialled.connection.stop(Infinity)
    t.equal(dialled.socket.ended, true)
    t.equal(dialled.socket.written, '')
    t.end()
  })

  t.test('closes a connection without any notification, without an answer', (t) => {
    const { connection, socket } = new MemoryGateway().dial()
    void connection.stop(Infinity)
    t.equal(socket.ended, true)
    t.equal(socket.written, '')
    t.end()
  })

  t.test(
    'a busy connection gets status 10 with the last identifier taken over, once it is quiet',
    (t) => {
      const gateway = new MemoryGateway()
      const { socket, connection, events, ...dialled } = dial(gateway)
      socket.write(frames(1, 2))
      socket.carry()
      void connection.stop(Infinity)
      gateway.pass(10)
      t.equal(socket.ended, false)
      socket.write(frames(3, 3))
      socket.carry()
      gateway.pass(20)
      t.equal(socket.written, '080a00000003')
      t.same(events, ['reported 10 3'])
      t.same(dialled.waiting(), [1, 2, 3])
      t.end()
    },
  )

  t.test('drops the bytes that arrive after status 10', (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection, ...dialled } = dial(gateway)
    socket.write(frames(1, 1))
    socket.carry()
    void connection.stop(Infinity)
    gateway.pass(20)
    socket.write(frames(2, 2))
    socket.carry()
    gateway.pass(1000)
    t.same(dialled.waiting(), [1])
    t.end()
  })

  t.test('closes a connection with notifications of command 0 without an answer', (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection } = gateway.dial()
    socket.write(simple(tokenOf(1)))
    socket.carry()
    void connection.stop(Infinity)
    gateway.pass(20)
    t.equal(socket.ended, true)
    t.equal(socket.written, '')
    t.end()
  })

  t.test('stopped twice, closes once, whatever still happens', (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection, events } = gateway.dial()
    socket.write(frames(1, 1))
    socket.carry()
    gateway.pass(1000)
    gateway.scene.upstream.answer(delivered)
    void connection.stop(Infinity)
    t.equal(socket.ended, true)
    void connection.stop(Infinity)
    socket.write(frames(2, 2))
    socket.carry()
    gateway.pass(1000)
    t.equal(socket.written, '')
    socket.finish()
    socket.carry()
    t.same(events, ['closed 2'])
    t.end()
  })

  t.test('delivers notifications that arrive after a close without an answer', (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection, ...dialled } = dial(gateway)
    void connection.stop(Infinity)
    t.equal(socket.ended, true)
    socket.write(frames(1, 3))
    socket.carry()
    t.same(dialled.waiting(), [1, 2, 3])
    t.end()
  })

  t.test('destroys the connection when the sender does not close and is quiet for 1 s', (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    void dialled.connection.stop(Infinity)
    gateway.pass(900)
    arrive(dialled, frames(1, 1))
    gateway.pass(990)
    t.equal(dialled.socket.destroyed, false)
    gateway.pass(10)
    t.equal(dialled.socket.destroyed, true)
    t.same(dialled.events, ['closed 1'])
    t.end()
  })

  t.test('also waits for a sender that got an error response before', (t) => {
    const gateway = new MemoryGateway()
    const dialled = reported(gateway)
    gateway.pass(2000)
    arrive(dialled, frames(3, 3))
    void dialled.connection.stop(Infinity)
    gateway.pass(990)
    t.equal(dialled.socket.destroyed, false)
    gateway.pass(10)
    t.equal(dialled.socket.destroyed, true)
    t.end()
  })

  t.test('a sender that never pauses gets status 10 at the deadline', (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    arrive(dialled, frames(1, 1))
    void dialled.connection.stop(gateway.scene.clock.now() + 190)
    for (let number = 2; number <= 20; number++) {
      t.equal(dialled.socket.written, '')
      arrive(dialled, frames(number, number))
      gateway.pass(10)
    }
    t.equal(dialled.socket.written, '080a00000014')
    t.end()
  })

  t.test('a route without room does not delay status 10', (t) => {
    const gateway = new MemoryGateway({ room: { maxEntries: 2, maxBytes: 1e9 } })
    const dialled = gateway.dial()
    arrive(dialled, frames(1, 4))
    void dialled.connection.stop(gateway.scene.clock.now() + 300)
    gateway.pass(20)
    t.equal(dialled.socket.written, '080a00000002')
    t.end()
  })

  t.test('stop resolves when the connection has closed', async (t) => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    const stopped = dialled.connection.stop(Infinity)
    t.same(dialled.events, [])
    finish(dialled)
    await stopped
    t.same(dialled.events, ['closed 0'])
    await dialled.connection.stop(Infinity)
  })

  t.test('reports a rejection instead of status 10', (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection } = gateway.dial()
    socket.write(frames(1, 2))
    socket.carry()
    gateway.scene.upstream.answer(badToken, 1)
    void connection.stop(Infinity)
    gateway.pass(400)
    t.equal(socket.ended, false)
    gateway.scene.upstream.answer(delivered)
    gateway.pass(20)
    t.equal(socket.written, '080800000002')
    t.end()
  })

  t.test('decodes a held back connection first', (t) => {
    const gateway = new MemoryGateway()
    reported(gateway)
    const again = gateway.dial()
    arrive(again, frames(3, 4))
    void again.connection.stop(Infinity)
    gateway.pass(490)
    t.equal(again.socket.ended, false)
    gateway.pass(50)
    t.same(waiting(gateway), [2, 3, 4])
    t.equal(again.socket.written, '080a00000004')
    t.end()
  })

  t.test('decodes what a paused sender has written before it writes status 10', (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection } = gateway.dial()
    socket.write(frames(1, 300))
    socket.carry()
    socket.write(frames(301, 301))
    socket.carry()
    t.equal(socket.isPaused(), true)
    void connection.stop(Infinity)
    t.equal(socket.ended, false)
    gateway.pass(10)
    t.equal(waiting(gateway).length, 301)
    t.equal(socket.ended, false)
    gateway.pass(20)
    t.equal(socket.written, '080a0000012d')
    t.end()
  })

  t.test('a connection that waits for room in the journal counts as busy', (t) => {
    let room = true
    const gateway = new MemoryGateway({ canWrite: () => room })
    const dialled = gateway.dial()
    arrive(dialled, frames(1, 2))
    gateway.scene.upstream.answerAll(delivered)
    room = false
    arrive(dialled, frames(3, 4))
    gateway.pass(5000)
    void dialled.connection.stop(Infinity)
    gateway.pass(20)
    t.equal(dialled.socket.written, '080a00000002', '3 and 4 will be sent again')
    room = true
    gateway.pass(100)
    t.same(waiting(gateway), [])
    t.end()
  })

  t.test('reads on after an error response', (t) => {
    const gateway = new MemoryGateway()
    const dialled = reported(gateway)
    void dialled.connection.stop(Infinity)
    arrive(dialled, frames(3, 3))
    t.same(waiting(gateway), [2, 3])
    t.same(dialled.events, ['reported 8 1'])
    t.end()
  })
  t.end()
})

t.test('an exception of the relay ends the decoding of its connection only', (t) => {
  const mistakes: unknown[] = []
  const gateway = new MemoryGateway({ failed: (error) => mistakes.push(error) })
  const [one, other] = [gateway.dial(), gateway.dial()]
  const { relay } = gateway.scene
  const take = relay.take.bind(relay)
  const mistake = new Error('a mistake of our own')
  relay.take = () => {
    throw mistake
  }
  arrive(one, frames(1, 2))
  relay.take = take
  arrive(one, frames(3, 4))
  arrive(other, frames(5, 6))
  t.same(mistakes, [mistake])
  t.same(waiting(gateway), [5, 6])
  gateway.pass(1000)
  t.equal(one.socket.ended, true)
  t.equal(other.socket.ended, false)
  t.end()
})

t.test('a notification that is repeated on the reported connection', (t) => {
  /** After an error response about 1, and deliveries of 2 and 3: whether a second 2 is sent. */
  const isSentAgain = (repeat: (gateway: MemoryGateway, dialled: Dialled) => void): boolean => {
    const gateway = new MemoryGateway()
    const dialled = gateway.dial()
    arrive(dialled, frames(1, 3))
    gateway.scene.upstream.answer(badToken)
    gateway.scene.upstream.answerAll(delivered)
    gateway.pass(20)
    repeat(gateway, dialled)
    return waiting(gateway).includes(2)
  }

  for (const ms of [0, 100, 400])
    t.test(`is a resend ${ms} ms after the error response`, (t) => {
      t.notOk(
        isSentAgain((gateway, dialled) => {
          gateway.pass(ms)
          arrive(dialled, frames(2, 3))
        }),
      )
      t.end()
    })

  for (const ms of [600, 1500, 3000])
    t.test(`is delivered again after a pause of ${ms} ms`, (t) => {
      t.ok(
        isSentAgain((gateway, dialled) => {
          gateway.pass(ms)
          arrive(dialled, frames(2, 3))
        }),
      )
      t.end()
    })

  t.test('is a resend as long as the sender never pauses', (t) => {
    t.notOk(
      isSentAgain((gateway, dialled) => {
        for (let number = 4; number < 100; number++) {
          gateway.pass(400)
          arrive(dialled, frames(number, number))
          gateway.scene.upstream.answerAll(delivered)
        }
        arrive(dialled, frames(50, 52))
        t.same(waiting(gateway), [])
        arrive(dialled, frames(97, 99))
        t.same(waiting(gateway), [], 'a second time as well')
        arrive(dialled, frames(97, 99))
        t.same(waiting(gateway), [])
      }),
    )
    t.end()
  })

  t.test('is delivered again behind a repetition of the named one, which begins a new run', (t) => {
    t.ok(
      isSentAgain((_gateway, dialled) => {
        arrive(dialled, frames(1, 3))
      }),
    )
    t.end()
  })

  t.test('is delivered again once the sender has paused, even if it writes on', (t) => {
    t.ok(
      isSentAgain((gateway, dialled) => {
        gateway.pass(600)
        arrive(dialled, frames(4, 4))
        arrive(dialled, frames(2, 3))
      }),
    )
    t.end()
  })

  t.test('is a resend after a pause of this process that was none of the sender', (t) => {
    t.notOk(
      isSentAgain((gateway, dialled) => {
        dialled.socket.write(frames(2, 3))
        const { clock } = gateway.scene
        clock.stall(600)
        // The process was busy: it reads only after its first late timers.
        clock.after(0, () => {
          dialled.socket.carry()
        })
        gateway.pass(10)
      }),
    )
    t.end()
  })
  t.end()
})

t.test(
  'destroy closes the connection at once, and received notifications are still settled',
  (t) => {
    const gateway = new MemoryGateway()
    const { socket, connection, events } = gateway.dial()
    socket.write(frames(1, 2))
    socket.carry()
    connection.destroy()
    connection.destroy()
    t.equal(socket.destroyed, true)
    t.same(events, ['closed 2'])
    gateway.scene.upstream.answer(badToken)
    gateway.scene.upstream.answer(delivered)
    gateway.pass(1000)
    t.match(gateway.scene.relay.counters.settled, { untold: 1, delivered: 1 })
    t.equal(gateway.scene.relay.owned, 0)
    t.end()
  },
)
