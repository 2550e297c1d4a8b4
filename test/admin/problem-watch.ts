import t from 'tap'
import { ProblemWatch, type ProblemChange } from '../../src/admin/problem-watch.ts'
import type { Problem } from '../../src/admin/problem.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

function problem(code: string, changes: Partial<Problem> = {}): Problem {
  return { code, severity: 'alarm', route: 'app', what: `${code}.`, cure: 'Act.', ...changes }
}

interface Scene {
  readonly clock: FakeClock
  readonly watch: ProblemWatch
  /** `appeared CODE` and `cleared CODE MS`, as they came. */
  readonly changes: string[]
  /** Sets what is true from now on. */
  readonly set: (...problems: readonly Problem[]) => void
}

function sceneOf(): Scene {
  const clock = new FakeClock()
  const changes: string[] = []
  let now: readonly Problem[] = []
  const watch = new ProblemWatch({
    clock,
    evaluate: () => now,
    emit: (change: ProblemChange) =>
      changes.push(
        change.event === 'problem.appeared'
          ? `appeared ${change.problem.code}`
          : `cleared ${change.problem.code} ${change.lastedMs}`,
      ),
  })
  return { clock, watch, changes, set: (...problems) => (now = problems) }
}

t.test('a problem appears when it is true at two evaluations, and once', (t) => {
  const { clock, watch, changes, set } = sceneOf()
  set(problem('throttled'))
  clock.advance(5000)
  t.same(changes, [])
  t.same(watch.present, [])
  clock.advance(5000)
  t.same(changes, ['appeared throttled'])
  clock.advance(600_000)
  t.same(changes, ['appeared throttled'])
  t.same(watch.present, [problem('throttled')])
  t.end()
})

t.test('what is true for one evaluation is no problem', (t) => {
  const { clock, changes, set } = sceneOf()
  for (let n = 0; n < 10; n++) {
    set(problem('throttled'))
    clock.advance(5000)
    set()
    clock.advance(5000)
  }
  t.same(changes, [])
  t.end()
})

t.test('a problem ends when it was false for a minute', (t) => {
  const { clock, watch, changes, set } = sceneOf()
  set(problem('throttled'))
  clock.advance(20_000)
  set()
  clock.advance(55_000)
  t.equal(watch.present.length, 1)
  clock.advance(5000)
  t.same(changes, ['appeared throttled', 'cleared throttled 15000'])
  t.same(watch.present, [])
  t.end()
})

t.test('a problem that comes back within the minute has not ended', (t) => {
  const { clock, changes, set } = sceneOf()
  for (let n = 0; n < 5; n++) {
    set(problem('throttled'))
    clock.advance(10_000)
    set()
    clock.advance(50_000)
  }
  t.same(changes, ['appeared throttled'])
  t.end()
})

t.test('shows the text of the last time, and tells routes apart', (t) => {
  const { clock, watch, changes, set } = sceneOf()
  set(problem('throttled'), problem('throttled', { route: 'mdm' }))
  clock.advance(10_000)
  t.same(changes, ['appeared throttled', 'appeared throttled'])
  set(problem('throttled', { what: '9 of 9.' }))
  clock.advance(5000)
  t.same(
    watch.present.map(({ route, what }) => [route, what]),
    [
      ['app', '9 of 9.'],
      ['mdm', 'throttled.'],
    ],
  )
  t.end()
})

t.test('is silent once stopped', (t) => {
  const { clock, watch, changes, set } = sceneOf()
  set(problem('throttled'))
  clock.advance(5000)
  watch.stop()
  clock.advance(60_000)
  t.same(changes, [])
  t.equal(clock.pending, 0)
  t.end()
})
