/** Plays every kind of misbehaviour and prints a table: `npm run misbehaviour [-- --only TEXT]`. */
import { parseArgs } from 'node:util'
import { providerMoods } from './provider-moods.ts'
import { play, type Mood, type Row } from './run.ts'
import { Scene } from './scene.ts'
import { senderMoods } from './sender-moods.ts'

const { only } = parseArgs({ options: { only: { type: 'string', default: '' } } }).values
const faulty: Row[] = []
let scene = await Scene.open()

await playAll('Providers', providerMoods)
await playAll('Senders', senderMoods)
const code = await scene.close()
if (code !== 0) console.log(`\nThe proxy ended with ${String(code)}.`)
for (const { mood, faults } of faulty) console.log(`\n${mood}:\n  ${faults.join('\n  ')}`)
process.exitCode = faulty.length > 0 || code !== 0 ? 1 : 0

async function playAll(title: string, moods: readonly Mood[]): Promise<void> {
  const chosen = moods.filter(({ mood }) => mood.includes(only))
  console.log(
    `\n${line([title, 'delivered', 'doubled', 'lost', 'RSS MiB', 'CPU ms', 'log lines', ''])}`,
  )
  for (const mood of chosen) {
    const row = await play(scene, mood)
    console.log(lineOf(row))
    if (row.faults.length === 0) continue
    faulty.push(row)
    // What a fault leaves behind is not the fault of the next one.
    await scene.close().catch(() => undefined)
    scene = await Scene.open()
  }
}

function lineOf(row: Row): string {
  return line([
    row.mood,
    `${row.delivered} of ${row.expected}`,
    String(row.doubled),
    String(row.lost),
    row.rssMiB.toFixed(1),
    row.cpuMs.toFixed(0),
    String(row.lines),
    row.faults.length === 0 ? 'ok' : 'FAULT',
  ])
}

function line([mood = '', ...cells]: readonly string[]): string {
  return mood.padEnd(58) + cells.map((cell) => cell.padStart(12)).join('')
}
