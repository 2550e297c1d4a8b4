/** Part of the bundle: runs the tests that reach the mutant which is alive, or all to see what they reach. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'

/** Beyond so many times what all tests need without a mutant, it is an endless loop. */
const patience = 10

/**
 * With a file name on the command line, runs all tests without a mutant and writes into that file
 * - `steps`: how many places that could be mutated all tests pass,
 * - `tests`: for each test file, the mutants that it reaches,
 * - `always`: the mutants that are reached while modules are loaded, which only the first of several
 *   test files sees.
 *
 * Without one, loads and runs the test files that reach the mutant, one after the other.
 * @param mutants the numbers of the mutants of each source file
 * @param tests name and loader of each test file
 */
export function play(mutants, tests) {
  const [output] = process.argv.slice(2)
  reportFailuresOnly()
  // A tenth is enough, but a slow machine is no reason to call a mutant dead.
  t.setTimeout(300_000)
  if (output !== undefined) measure(tests, output)
  else tryMutant(mutants, tests, process.env.__STRYKER_ACTIVE_MUTANT__)
}

function measure(tests, output) {
  const reach = { steps: 0, tests: {}, always: {} }
  let current = reach.always
  globalThis.mutation = {
    cover: (...mutants) => {
      for (const mutant of mutants) current[mutant] = true
    },
    isAlive: () => {
      reach.steps++
      return false
    },
  }
  inTurn(tests, {
    loading: () => (current = reach.always),
    loaded: (name) => (current = reach.tests[name] ??= {}),
  })
  process.on('exit', () => {
    writeFileSync(output, JSON.stringify(reach))
  })
}

function tryMutant(mutants, tests, alive) {
  const reach = JSON.parse(readFileSync(new URL('reach.json', import.meta.url), 'utf8'))
  const limit = reach.steps * patience
  let steps = 0
  globalThis.mutation = {
    cover: () => {},
    isAlive: (mutant) => {
      if (++steps > limit) {
        process.stdout.write('not ok: an endless loop\n')
        process.exit(1)
      }
      return mutant === alive
    },
  }
  const isReached = ([name]) =>
    alive === undefined || reach.always[alive] || reach.tests[name]?.[alive]
  const isOwn = ([name]) => mutants[name]?.includes(alive)
  const reaching = tests.filter(isReached)
  if (reaching.length === 0) process.exit(0)
  inTurn([...reaching.filter(isOwn), ...reaching.filter((test) => !isOwn(test))])
}

function inTurn([next, ...others], { loading, loaded } = {}) {
  if (next === undefined) return
  const [name, load] = next
  t.test(`${name} can be loaded`, async () => {
    loading?.()
    await load()
    loaded?.(name)
    // Behind the tests that were just declared.
    inTurn(others, { loading, loaded })
  })
}

function reportFailuresOnly() {
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text) => {
    for (const [line] of String(text).matchAll(/^ *not ok.*$/gm)) write(line + '\n')
    return true
  }
}
