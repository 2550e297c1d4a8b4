/** What is drawn on a terminal, and that nothing is drawn elsewhere. */
import t from 'tap'
import { ProgressBar } from '../../src/handlers/progress-bar.ts'

function screen(isTTY: boolean): { isTTY: boolean; text: string; write: (text: string) => void } {
  return {
    isTTY,
    text: '',
    write(text) {
      this.text += text
    },
  }
}

t.test('draws each hundredth once, within 80 columns, and is gone in the end', (t) => {
  const terminal = screen(true)
  const bar = new ProgressBar(200, 'records', terminal)
  for (let time = 0; time < 200; time++) bar.add(1)
  const lines = terminal.text.split('\r\x1b[K').slice(1)
  t.equal(lines.length, 101)
  t.equal(lines[100], '[##############################] 100 % of 200 records')
  t.ok(lines.every((line) => line.length < 80))
  t.match(lines[50], /^\[#{15}\.{15}\] {2}50 % of/)
  bar.clear()
  bar.clear()
  t.ok(terminal.text.endsWith('records\r\x1b[K'))
  t.equal(terminal.text.split('\r\x1b[K').length, 103)
  t.end()
})

t.test('draws nothing where there is no terminal', (t) => {
  const file = screen(false)
  const bar = new ProgressBar(2, 'records', file)
  bar.add(1)
  bar.clear()
  t.equal(file.text, '')
  t.end()
})
