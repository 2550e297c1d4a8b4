/** `npm run test:unit`. */
import { runSuites } from './run.ts'
import { unitSuites } from './suites.ts'

runSuites(unitSuites.keys())
