import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeNewFiles } from '../../src/init/file-writer.ts'

const files = [
  { path: 'tls/ca.key', content: 'secret', secret: true },
  { path: 'tls/ca.pem', content: 'public', secret: false },
  { path: 'proxy.yaml', content: 'routes', secret: false },
]

t.test('writes all, makes folders, keeps secrets to their owner', (t) => {
  const directory = join(t.testdir(), 'new/folder')
  writeNewFiles(directory, files)
  t.same(readdirSync(directory).sort(), ['proxy.yaml', 'tls'])
  t.equal(readFileSync(join(directory, 'tls/ca.pem'), 'utf8'), 'public')
  if (process.platform !== 'win32') {
    t.equal(statSync(join(directory, 'tls/ca.key')).mode & 0o777, 0o600)
    t.equal(statSync(join(directory, 'proxy.yaml')).mode & 0o077, 0o044)
  }
  t.end()
})

t.test('where one of them exists, nothing is written, and all that exist are named', (t) => {
  const directory = t.testdir({ 'proxy.yaml': 'mine', tls: { 'ca.key': 'mine' } })
  t.throws(
    () => {
      writeNewFiles(directory, files)
    },
    {
      message: `${join(directory, 'tls/ca.key')}, ${join(directory, 'proxy.yaml')} exist already, and init does not overwrite files; name an empty folder with --directory`,
    },
  )
  t.equal(readFileSync(join(directory, 'proxy.yaml'), 'utf8'), 'mine')
  t.same(readdirSync(directory).sort(), ['proxy.yaml', 'tls'])
  t.same(readdirSync(join(directory, 'tls')), ['ca.key'])
  t.end()
})

t.test('what fails half-way is taken back', (t) => {
  const directory = t.testdir()
  // A file where a folder should be: found only when its turn comes.
  const blocked = [...files, { path: 'proxy.yaml/inside', content: '', secret: false }]
  t.throws(() => {
    writeNewFiles(directory, blocked)
  })
  t.notOk(existsSync(join(directory, 'proxy.yaml')))
  t.notOk(existsSync(join(directory, 'tls/ca.key')))
  t.same(readdirSync(join(directory, 'tls')), [], 'no other file is left either')
  t.end()
})

t.test('a folder in which nobody may write is told by the system', (t) => {
  const directory = t.testdir({ file: '' })
  t.throws(
    () => {
      writeNewFiles(join(directory, 'file/folder'), files)
    },
    { code: 'ENOTDIR' },
  )
  mkdirSync(join(directory, 'other'))
  writeFileSync(join(directory, 'other/unrelated'), '')
  writeNewFiles(join(directory, 'other'), files)
  t.ok(existsSync(join(directory, 'other/unrelated')))
  t.end()
})
