import { X509Certificate } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openCertificateFolder } from '../../src/simulator/certificate-folder.ts'

const now = new Date('2021-03-31T00:00:00Z')
const yearMs = 365 * 24 * 60 * 60 * 1000

t.test('makes a CA and a server certificate that it signs', async (t) => {
  const folder = join(t.testdir(), 'simulator')
  const made = await openCertificateFolder(folder, ['localhost', '127.0.0.1'], now)
  const ca = new X509Certificate(await readText(made.certificateAuthorityPath))
  const server = new X509Certificate(made.certificatePem)
  t.ok(server.verify(ca.publicKey))
  t.equal(server.checkHost('localhost'), 'localhost')
  t.equal(server.checkIP('127.0.0.1'), '127.0.0.1')
  for (const key of ['ca.key', 'server.key']) {
    t.equal((await stat(join(folder, key))).mode & 0o777, 0o600, key)
  }
})

t.test('uses them again as long as they serve', async (t) => {
  const folder = t.testdir()
  const first = await openCertificateFolder(folder, ['localhost'], now)
  t.strictSame(await openCertificateFolder(folder, ['localhost'], now), first)
})

t.test('another host needs another server certificate of the same CA', async (t) => {
  const folder = t.testdir()
  const first = await openCertificateFolder(folder, ['localhost'], now)
  const ca = await readText(first.certificateAuthorityPath)
  const second = await openCertificateFolder(folder, ['push.test'], now)
  t.not(second.certificatePem, first.certificatePem)
  t.ok(new X509Certificate(second.certificatePem).verify(new X509Certificate(ca).publicKey))
})

t.test('what has expired is made again', async (t) => {
  const folder = t.testdir()
  const first = await openCertificateFolder(folder, ['localhost'], now)
  const ca = await readText(first.certificateAuthorityPath)
  const inThreeYears = new Date(now.getTime() + 3 * yearMs)
  const second = await openCertificateFolder(folder, ['localhost'], inThreeYears)
  t.not(second.certificatePem, first.certificatePem)
  t.equal(await readText(first.certificateAuthorityPath), ca)
  const inElevenYears = new Date(now.getTime() + 11 * yearMs)
  const third = await openCertificateFolder(folder, ['localhost'], inElevenYears)
  t.not(await readText(third.certificateAuthorityPath), ca)
})

t.test('a damaged file is named together with the way out', async (t) => {
  const folder = t.testdir()
  await openCertificateFolder(folder, ['localhost'], now)
  await writeFile(join(folder, 'ca.pem'), 'nonsense')
  await t.rejects(openCertificateFolder(folder, ['localhost'], now), {
    message: `${join(folder, 'ca.pem')}: not a certificate; delete the file, and the simulator issues it again`,
  })
})

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8')
}
