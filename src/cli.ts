#!/usr/bin/env node
/** The program: answers `--version` at once, and leaves all else to the command line. */
import { version } from './proxy/version.ts'

const [first, ...more] = process.argv.slice(2)
if (more.length === 0 && (first === '--version' || first === '-v')) console.log(version)
else await (await import('./commands/command-line.ts')).run(process.argv.slice(2), version)
