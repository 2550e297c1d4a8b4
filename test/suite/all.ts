/** `npm test`. */
import { runSuites } from './run.ts'
import { integrationSuites, unitSuites } from './suites.ts'

runSuites([...integrationSuites.keys(), ...unitSuites.keys()])
