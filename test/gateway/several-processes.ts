/** Gateways that share an event log; the next connection of a sender may reach any of them. */
import t from 'tap'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryEventLog, type MemoryReader } from '../fixtures/memory-event-log.ts'
import { enhanced, MemoryGateway, type Dialled } from '../fixtures/memory-gateway.ts'
import { badToken, delivered, tokenOf } from '../fixtures/relay-scene.ts'
import type { RoutePolicy } from '../../src/relay/route-policy.ts'

interface Process {
  readonly gateway: MemoryGateway
  readonly reader: MemoryReader
}

class Several {
  readonly clock = new FakeClock()
  readonly eventLog = new MemoryEventLog(this.clock)
  readonly #policy: Partial<RoutePolicy>
  #names = 0

  constructor(policy: Partial<RoutePolicy> = {}) {
    this.#policy = policy
  }

  start(): Process {
    const reader = this.eventLog.join()
    reader.isShared = true
    const shared = { clock: this.clock, eventLog: reader, processName: `${++this.#names}` }
    return { reader, gateway: new MemoryGateway({ policy: this.#policy, shared }) }
  }
}

function arrive({ socket }: Dialled, ...numbers: readonly number[]): void {
  socket.write(Buffer.concat(numbers.map((number) => enhanced(number, tokenOf(number)))))
  socket.carry()
}

function finish({ socket }: Dialled): void {
  socket.finish()
  socket.carry()
}

function waiting({ gateway }: Process): number[] {
  return gateway.scene.upstream.waiting.map(({ request }) =>
    Number.parseInt(request.token.slice(0, 8), 16),
  )
}

/** The first process has written an error response about 1; 2 and 3 behind it are unanswered. */
function told(policy: Partial<RoutePolicy> = {}): {
  several: Several
  one: Process
  other: Process
  first: Dialled
} {
  const several = new Several(policy)
  const [one, other] = [several.start(), several.start()]
  const first = one.gateway.dial()
  arrive(first, 0, 1, 2, 3)
  one.gateway.scene.upstream.answer(delivered)
  one.gateway.scene.upstream.answer(badToken)
  one.gateway.pass(20)
  if (first.socket.written !== '080800000001') throw new Error('told of 1')
  return { several, one, other, first }
}

t.test('a resend on another process', (t) => {
  t.test('takes over the outcome of its first copy, which the first process owns', (t) => {
    const { one, other, first } = told()
    finish(first)
    const again = other.gateway.dial()
    arrive(again, 3, 2, 4)
    t.same(waiting(other), [4], 'in any order')
    one.gateway.scene.upstream.answerAll(delivered)
    t.match(other.gateway.scene.relay.counters.settled, { resent: 2 })
    t.equal(other.gateway.scene.relay.owned, 1)
    t.end()
  })

  t.test('is reported as rejected when APNs rejects the first copy in the first process', (t) => {
    const { one, other, first } = told()
    finish(first)
    const again = other.gateway.dial()
    arrive(again, 2, 3)
    one.gateway.scene.upstream.answer(delivered)
    one.gateway.scene.upstream.answer(badToken)
    t.equal(again.socket.written, '080800000003', 'at once: it has been seen to resend')
    t.equal(one.gateway.scene.relay.isResender('sender'), true, 'and every process knows')
    t.end()
  })

  t.test('is settled at once if its first copy has ended', (t) => {
    const { one, other, first } = told()
    one.gateway.scene.upstream.answerAll(delivered)
    finish(first)
    arrive(other.gateway.dial(), 2, 3)
    t.same(waiting(other), [])
    t.equal(other.gateway.scene.relay.owned, 0)
    t.end()
  })

  t.test('is recognised on a connection that was open before the error response', (t) => {
    const several = new Several()
    const [one, other] = [several.start(), several.start()]
    const beside = other.gateway.dial()
    arrive(beside, 9)
    const first = one.gateway.dial()
    arrive(first, 1, 2)
    one.gateway.scene.upstream.answer(badToken)
    one.gateway.pass(20)
    arrive(beside, 2, 10)
    t.same(waiting(other), [9, 10])
    t.end()
  })

  t.test('of a resend waits for the first copy of all, on a third process too', (t) => {
    const { several, one, other, first } = told()
    const third = several.start()
    finish(first)
    const again = other.gateway.dial()
    arrive(again, 2, 3, 4)
    one.gateway.scene.upstream.answer(badToken)
    t.equal(again.socket.written, '080800000002')
    finish(again)
    const last = third.gateway.dial()
    arrive(last, 3, 4)
    t.same([waiting(one), waiting(other), waiting(third)], [[3], [4], []])
    one.gateway.scene.upstream.answer(delivered)
    other.gateway.scene.upstream.answer(badToken)
    t.equal(last.socket.written, '080800000004')
    t.end()
  })

  t.test('is recognised once for each copy, even if it arrives in two processes at a time', (t) => {
    const { several, other, first } = told()
    const third = several.start()
    finish(first)
    const [left, right] = [other.gateway.dial(), third.gateway.dial()]
    other.reader.isLate = third.reader.isLate = true
    arrive(left, 2)
    arrive(right, 2)
    t.same([waiting(other), waiting(third)], [[], []], 'undecided')
    third.reader.apply()
    other.reader.apply()
    t.same([waiting(other), waiting(third)], [[], [2]], 'the second one is wanted')
    t.end()
  })

  t.test('is in the journal until it is recognised', (t) => {
    const { other, first } = told()
    finish(first)
    const again = other.gateway.dial()
    other.reader.isLate = true
    arrive(again, 2, 4)
    t.equal(other.gateway.scene.journal.unsettled, 2)
    t.equal(other.gateway.scene.relay.owned, 2)
    other.reader.apply()
    t.equal(other.gateway.scene.journal.unsettled, 1)
    t.same(waiting(other), [4])
    t.end()
  })

  t.test(
    'ends with its first copy, even if a late process still reports the copy as unfinished',
    (t) => {
      const { several, one, other, first } = told()
      finish(first)
      const again = other.gateway.dial()
      arrive(again, 5)
      other.reader.isLate = true
      arrive(again, 3)
      other.gateway.scene.upstream.answer(badToken)
      other.gateway.pass(100)
      one.gateway.scene.upstream.answerAll(delivered)
      other.reader.apply()
      t.equal(again.socket.written, '080800000005')
      finish(again)
      other.reader.apply()
      const third = several.start()
      arrive(third.gateway.dial(), 3)
      t.same(waiting(third), [])
      t.same(
        [one, other, third].map(({ gateway }) => gateway.scene.relay.owned),
        [0, 0, 0],
      )
      t.end()
    },
  )

  t.test('is recognised even if its connection has closed by then', (t) => {
    const { one, other, first } = told()
    finish(first)
    const again = other.gateway.dial()
    other.reader.isLate = true
    arrive(again, 2, 4)
    again.socket.reset()
    other.reader.apply()
    t.same(waiting(other), [4])
    other.gateway.scene.upstream.answer(delivered)
    one.gateway.scene.upstream.answerAll(badToken)
    other.reader.apply()
    t.match(other.gateway.scene.relay.counters.settled, { delivered: 1, untold: 1 })
    t.end()
  })
  t.end()
})

t.test('an error response', (t) => {
  t.test('is not written before this process has applied its event', (t) => {
    const several = new Several()
    const one = several.start()
    const first = one.gateway.dial()
    arrive(first, 1, 2)
    one.reader.isLate = true
    one.gateway.scene.upstream.answer(badToken)
    one.gateway.pass(100)
    t.equal(first.socket.written, '')
    arrive(first, 3)
    one.reader.apply()
    t.equal(first.socket.written, '080800000001')
    const other = several.start()
    finish(first)
    arrive(other.gateway.dial(), 2, 3)
    t.same(waiting(other), [], 'what arrived in between stands behind it as well')
    t.end()
  })

  t.test(
    'is not written after the sender’s EOF; what the sender repeats then is delivered',
    (t) => {
      const several = new Several()
      const [one, other] = [several.start(), several.start()]
      const first = one.gateway.dial()
      arrive(first, 1, 2)
      one.reader.isLate = true
      one.gateway.scene.upstream.answer(badToken)
      one.gateway.pass(20)
      finish(first)
      one.reader.apply()
      t.equal(first.socket.written, '')
      t.match(one.gateway.scene.relay.counters.settled, { untold: 1 })
      arrive(other.gateway.dial(), 2)
      t.same(waiting(other), [2])
      const kinds = several.eventLog.kinds.filter((kind) => kind !== 'opened')
      t.same(kinds, ['bad', 'reporting', 'withdrawn'])
      t.end()
    },
  )

  t.test('that was not written does not count for the error response limiter', (t) => {
    const several = new Several()
    const one = several.start()
    for (let time = 0; time < 6; time++) {
      const dialled = one.gateway.dial()
      arrive(dialled, 1)
      if (waiting(one).length > 0) one.gateway.scene.upstream.answer(badToken)
      one.reader.isLate = true
      one.gateway.pass(20)
      finish(dialled)
      one.reader.isLate = false
      one.reader.apply()
    }
    const dialled = one.gateway.dial()
    arrive(dialled, 1)
    one.gateway.pass(20)
    t.equal(dialled.socket.written, '080800000001')
    t.end()
  })

  t.test(
    'about the same notification is written five times a minute by all processes together',
    (t) => {
      const several = new Several()
      const processes = [several.start(), several.start(), several.start()]
      const reports = Array.from({ length: 7 }, (_, time) => {
        const process = processes[time % 3]
        const dialled = process?.gateway.dial()
        if (process === undefined || dialled === undefined) return ''
        arrive(dialled, 1)
        process.gateway.scene.upstream.answerAll(badToken)
        process.gateway.pass(20)
        finish(dialled)
        return dialled.socket.written
      })
      t.equal(reports.filter((written) => written !== '').length, 5)
      t.end()
    },
  )
  t.end()
})

t.test('a process recognises a new run after an error response of another process', (t) => {
  const { one, other, first } = told()
  one.gateway.scene.upstream.answerAll(delivered)
  finish(first)
  const run = other.gateway.dial()
  arrive(run, 0, 1, 2, 3)
  other.gateway.scene.upstream.answerAll(delivered)
  t.match(other.gateway.scene.relay.counters.settled, { delivered: 3, resent: 0 })
  t.end()
})

t.test('the next connection, on another process,', (t) => {
  t.test('is not decoded before the reported connection ends', (t) => {
    const { other, first } = told()
    const again = other.gateway.dial()
    arrive(again, 2, 4)
    other.gateway.pass(400)
    t.same(waiting(other), [])
    arrive(first, 4)
    finish(first)
    t.same(waiting(other), [], 'the late 4 is what it repeats')
    t.equal(other.gateway.scene.relay.owned, 2)
    t.end()
  })

  t.test('is not decoded before the reported connection has been quiet for 500 ms', (t) => {
    const { other } = told()
    const again = other.gateway.dial()
    arrive(again, 4)
    other.gateway.pass(490)
    t.same(waiting(other), [])
    other.gateway.pass(10)
    t.same(waiting(other), [4])
    t.end()
  })

  t.test('is not decoded before its `opened` event is applied, even if it is reset', (t) => {
    const several = new Several()
    const one = several.start()
    one.reader.isLate = true
    const dialled = one.gateway.dial()
    arrive(dialled, 1, 2)
    dialled.socket.reset()
    one.gateway.pass(100)
    t.same(waiting(one), [])
    one.reader.apply()
    t.same(waiting(one), [1, 2])
    t.end()
  })

  t.test('is decoded at once if it is of another sender', (t) => {
    const { other } = told()
    const another = other.gateway.dial('another')
    arrive(another, 4)
    t.same(waiting(other), [4])
    t.end()
  })
  t.end()
})

t.test('a process that is killed', (t) => {
  t.test('leaves its copies to another process; their resends end with them', (t) => {
    const { several, one, other, first } = told()
    const heir = several.start()
    finish(first)
    const again = other.gateway.dial()
    arrive(again, 2, 3)
    const { remaining } = one.gateway.scene.journal
    one.reader.leave()
    heir.gateway.takeOver(remaining)
    t.same(waiting(heir), [2, 3])
    heir.gateway.scene.upstream.answer(delivered)
    heir.gateway.scene.upstream.answer(badToken)
    t.equal(again.socket.written, '080800000003')
    t.match(other.gateway.scene.relay.counters.settled, { resent: 1, rejected: 1 })
    t.end()
  })

  t.test('makes resends wait for the outcome of its copies for a minute at most', (t) => {
    const { one, other, first } = told()
    finish(first)
    arrive(other.gateway.dial(), 2, 3)
    one.reader.leave()
    other.gateway.pass(59_990)
    t.equal(other.gateway.scene.relay.owned, 2)
    other.gateway.pass(10)
    t.equal(other.gateway.scene.relay.owned, 0)
    t.match(other.gateway.scene.relay.counters.settled, { resent: 2 })
    t.end()
  })

  t.test('makes no resend wait once no sender is connected', async (t) => {
    const { one, other, first } = told()
    finish(first)
    arrive(other.gateway.dial(), 2)
    one.reader.leave()
    await other.gateway.scene.relay.idle()
    arrive(other.gateway.dial(), 3)
    await other.gateway.scene.relay.idle()
    t.match(other.gateway.scene.relay.counters.settled, { resent: 2 })
  })
  t.end()
})

t.test('a stop waits until events decide about received notifications', async (t) => {
  const { other, first } = told()
  finish(first)
  const again = other.gateway.dial()
  other.reader.isLate = true
  arrive(again, 4)
  let isIdle = false
  const idle = other.gateway.scene.relay.idle().then(() => (isIdle = true))
  await Promise.resolve()
  t.equal(isIdle, false)
  other.reader.apply()
  other.gateway.scene.upstream.answer(delivered)
  await idle
})

t.test('a process that starts later', (t) => {
  t.test('applies the events of the last two minutes', (t) => {
    const { several, one, first } = told()
    one.gateway.scene.upstream.answer(delivered)
    finish(first)
    one.gateway.pass(5000)
    const later = several.start()
    arrive(later.gateway.dial(), 2, 3, 4)
    t.same(waiting(later), [4])
    t.end()
  })

  t.test(
    'learns of an older error response from notifications that still arrive behind the named one',
    (t) => {
      const { several, one, first } = told()
      one.gateway.pass(50_000)
      arrive(first, 4)
      one.gateway.pass(50_000)
      arrive(first, 5)
      one.gateway.pass(50_000)
      const later = several.start()
      arrive(first, 6)
      finish(first)
      arrive(later.gateway.dial(), 5, 6, 7)
      t.same(waiting(later), [7])
      t.end()
    },
  )
  t.end()
})

t.test('all processes reject a known bad token, until the credential is renewed', (t) => {
  const several = new Several()
  const [one, other] = [several.start(), several.start()]
  arrive(one.gateway.dial(), 1)
  one.gateway.scene.upstream.answer(badToken)
  const dialled = other.gateway.dial()
  arrive(dialled, 1)
  t.same(waiting(other), [])
  other.gateway.pass(20)
  t.equal(dialled.socket.written, '080800000001')
  one.gateway.scene.relay.setupRenewed({
    setup: 'another',
    standing: 'proven',
    keep: () => undefined,
  })
  arrive(other.gateway.dial('another'), 1)
  t.same(waiting(other), [1])
  t.end()
})

t.test(
  'with resendWindowSeconds 0, resends are delivered again; the sender counts as one that resends',
  (t) => {
    const { one, other, first } = told({ resendWindowSeconds: 0 })
    finish(first)
    arrive(other.gateway.dial(), 2, 3)
    t.same(waiting(other), [2, 3])
    t.equal(one.gateway.scene.relay.isResender('sender'), true)
    t.end()
  },
)

t.test('a process appends only `opened` events while it remembers no copies', (t) => {
  const several = new Several()
  const one = several.start()
  const dialled = one.gateway.dial()
  arrive(dialled, 1, 2, 3)
  one.gateway.scene.upstream.answerAll(delivered)
  arrive(dialled, 4, 5)
  one.gateway.scene.upstream.answerAll(delivered)
  finish(dialled)
  t.same(several.eventLog.kinds.slice(1), ['opened'])
  t.end()
})

t.test('no event contains a payload or a token that APNs has not rejected', (t) => {
  const { several, one, other, first } = told()
  arrive(first, 4)
  finish(first)
  arrive(other.gateway.dial(), 2, 3, 5)
  one.gateway.scene.upstream.answerAll(delivered)
  const bad = tokenOf(1).toString('hex')
  const said = several.eventLog.text.replaceAll(bad, '')
  t.notMatch(said, /aps|hello/)
  t.notMatch(said, /[0-9a-f]{64}/)
  t.end()
})
