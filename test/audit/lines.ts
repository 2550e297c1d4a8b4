/** `npm run lines`: how many lines of code each folder of src has, comments and blank lines apart. */
import { codeLineCount, sourceFiles } from '../fixtures/source-code.ts'

const folders = new Map<string, { files: number; lines: number }>()
let sum = 0
for (const path of sourceFiles) {
  const name = path.split('/').slice(0, -1).join('/')
  const folder = folders.get(name) ?? { files: 0, lines: 0 }
  const lines = codeLineCount(path)
  folders.set(name, { files: folder.files + 1, lines: folder.lines + lines })
  sum += lines
}
for (const [name, { files, lines }] of [...folders].sort(([, a], [, b]) => b.lines - a.lines))
  print(lines, files, name)
print(sum, sourceFiles.length, 'in all')

function print(lines: number, files: number, name: string): void {
  console.log(`${String(lines).padStart(6)} lines ${String(files).padStart(4)} files  ${name}`)
}
