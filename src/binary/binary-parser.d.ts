/** The used part of binary-parser. Its own types cannot be imported because of its `exports`. */
declare module 'binary-parser' {
  type Fields = Record<string, unknown>

  export class Parser<T extends Fields = Fields> {
    uint8<Name extends string>(name: Name): Parser<T & Record<Name, number>>
    uint16be<Name extends string>(name: Name): Parser<T & Record<Name, number>>
    uint32be<Name extends string>(name: Name): Parser<T & Record<Name, number>>
    buffer<Name extends string>(
      name: Name,
      options: { length: string; clone?: boolean },
    ): Parser<T & Record<Name, Buffer>>
    saveOffset<Name extends string>(name: Name): Parser<T & Record<Name, number>>
    seek(length: string): Parser<T>
    array<Name extends string, Item extends Fields>(
      name: Name,
      options: { type: Parser<Item>; lengthInBytes?: string; readUntil?: 'eof' },
    ): Parser<T & Record<Name, Item[]>>
    choice<Name extends string>(
      name: Name,
      options: { tag: string; choices: Record<number, Parser> },
    ): Parser<T & Record<Name, unknown>>
    parse(bytes: Uint8Array): T
  }
}
