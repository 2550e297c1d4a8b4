import { answersIn, moods, rehearsalAnswers } from '../../src/simulator/mood.ts'
import t from 'tap'
import { isConnectionFault, ScriptedAnswers } from '../../src/simulator/scripted-answer.ts'

t.test('a token that nothing is written about is accepted', (t) => {
  t.strictSame(new ScriptedAnswers([]).next('aa'), { status: 200, reason: undefined })
  t.strictSame(new ScriptedAnswers(rehearsalAnswers).next('aa'), { status: 200, reason: undefined })
  t.end()
})

t.test('for a rehearsal, bad… is a bad token and dead… is gone', (t) => {
  const script = new ScriptedAnswers(rehearsalAnswers)
  t.strictSame(script.next('bad0'), { status: 400, reason: 'BadDeviceToken' })
  t.strictSame(script.next('DEAD'), { status: 410, reason: 'Unregistered' })
  t.end()
})

t.test('a status that is given goes before the one of the table', (t) => {
  const script = new ScriptedAnswers([{ tokenPrefix: '', status: 418, reason: 'Teapot' }])
  t.strictSame(script.next('aa'), { status: 418, reason: 'Teapot' })
  t.end()
})

t.test('times counts for each token on its own, and ends', (t) => {
  const script = new ScriptedAnswers([{ tokenPrefix: 'a', reason: 'TooManyRequests', times: 2 }])
  const statuses = ['a1', 'a2', 'a1', 'a1', 'a2', 'a2'].map((token) => script.next(token).status)
  t.strictSame(statuses, [429, 429, 429, 200, 429, 200])
  t.end()
})

t.test('a line that is used up lets the next one speak', (t) => {
  const script = new ScriptedAnswers([
    { tokenPrefix: 'a', reason: 'TooManyRequests', times: 1 },
    { tokenPrefix: 'a', reason: 'Shutdown', times: 1 },
  ])
  t.strictSame(
    ['a1', 'a1', 'a1'].map((token) => script.next(token).status),
    [429, 503, 200],
  )
  t.end()
})

t.test('faults of the connection are no answers', (t) => {
  for (const reason of ['REFUSED_STREAM', 'RESET', 'SILENCE', 'DISCONNECT']) {
    t.ok(isConnectionFault(reason))
    t.strictSame(new ScriptedAnswers([{ tokenPrefix: '', reason }]).next('aa'), {
      status: 0,
      reason,
    })
  }
  t.notOk(isConnectionFault('Shutdown'))
  t.notOk(isConnectionFault(undefined))
  t.end()
})

t.test('a script that cannot be is refused with its line', (t) => {
  const rows = [
    { answer: { tokenPrefix: 'xy', reason: 'Shutdown' }, problem: /"xy"=Shutdown.*hexadecimal/ },
    { answer: { tokenPrefix: 'a', reason: 'Nonsense' }, problem: /"a"=Nonsense.*give a status/ },
    { answer: { tokenPrefix: 'a', reason: 'Shutdown', times: 0 }, problem: /at least 1/ },
    { answer: { tokenPrefix: 'a', reason: 'Fine', status: 200 }, problem: /from 400 to 599/ },
  ]
  for (const { answer, problem } of rows)
    t.throws(() => new ScriptedAnswers([answer]), { message: problem })
  t.end()
})

t.test('a mood answers every token alike; what a program on the way answers comes first', (t) => {
  const foreign: Readonly<Record<string, number>> = {
    'login-page': 200,
    redirect: 302,
    'proxy-auth': 407,
  }
  const ofApns = { 'environment-mismatch': 400, throttled: 429, outage: 503, 'all-gone': 410 }
  const expected: Readonly<Record<string, number>> = { ...foreign, ...ofApns }
  t.same([...moods].sort(), Object.keys(expected).sort())
  for (const mood of moods) {
    const script = new ScriptedAnswers(answersIn(mood))
    t.equal(script.next('aa').status, expected[mood], mood)
    t.equal(script.middlebox?.status, foreign[mood], mood)
  }
  t.equal(answersIn(undefined), rehearsalAnswers)
  t.end()
})
