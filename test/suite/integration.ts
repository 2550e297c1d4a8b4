/** `npm run test:integration`. */
import { runSuites } from './run.ts'
import { integrationSuites } from './suites.ts'

runSuites(integrationSuites.keys())
