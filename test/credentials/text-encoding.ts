import t from 'tap'
import { decodeText } from '../../src/credentials/text-encoding.ts'

const bigEndian = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

for (const [what, bytes, text, encoding] of [
  ['nothing', Buffer.alloc(0), '', 'UTF-8'],
  ['ASCII', Buffer.from('secret'), 'secret', 'UTF-8'],
  ['UTF-8', Buffer.from('Käse€'), 'Käse€', 'UTF-8'],
  ['UTF-8 of Notepad', Buffer.from('\uFEFFKäse'), 'Käse', 'UTF-8'],
  ['UTF-16 of PowerShell', Buffer.from('\uFEFFKäse', 'utf16le'), 'Käse', 'UTF-16LE'],
  ['UTF-16 the other way round', bigEndian('\uFEFFKäse'), 'Käse', 'UTF-16BE'],
  ['UTF-16 without a mark', Buffer.from('Käse', 'utf16le'), 'Käse', 'UTF-16LE'],
  ['UTF-16 without a mark, the other way round', bigEndian('Käse'), 'Käse', 'UTF-16BE'],
  ['the code page of Western Windows', Buffer.from('4be47365', 'hex'), 'Käse', 'windows-1252'],
] as const)
  t.test(`decodes ${what}`, (t) => {
    t.same(decodeText(bytes), { text, encoding })
    t.end()
  })
