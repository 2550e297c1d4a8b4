/** PEM text: its blocks, whatever stands between them. */

/** One block, from its BEGIN line to its END line. */
export interface PemBlock {
  /** The words after BEGIN, such as `CERTIFICATE`. */
  readonly label: string
  readonly text: string
}

/** True when `bytes` hold a PEM block, behind any noise such as "Bag Attributes". */
export function isPem(bytes: Buffer): boolean {
  return bytes.includes('-----BEGIN ')
}

/** All blocks in order. Lines may end as Windows or the old Macintosh end them. */
export function pemBlocks(bytes: Buffer): PemBlock[] {
  const text = bytes.toString('latin1').replaceAll(/\r\n?/g, '\n')
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\n[^]*?-----END \1-----/g)].map(
    ([block, label = '']) => ({ label, text: `${block}\n` }),
  )
}
