/** Finds the blocks in PEM text, and ignores other text between them. */

export interface PemBlock {
  /** The words after BEGIN, such as `CERTIFICATE`. */
  readonly label: string
  /** From its BEGIN line to its END line. */
  readonly text: string
}

/** True if `bytes` contain a PEM block, also behind other text such as "Bag Attributes". */
export function isPem(bytes: Buffer): boolean {
  return bytes.includes('-----BEGIN ')
}

/** All blocks in order. Lines may end with LF, CRLF or CR. */
export function pemBlocks(bytes: Buffer): PemBlock[] {
  const text = bytes.toString('latin1').replaceAll(/\r\n?/g, '\n')
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\n[^]*?-----END \1-----/g)].map(
    ([block, label = '']) => ({ label, text: `${block}\n` }),
  )
}
