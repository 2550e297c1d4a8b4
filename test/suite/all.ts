/** `npm test`. */
import { runSuites } from './run.ts'
import { suiteNames } from './suites.ts'

runSuites(suiteNames)
