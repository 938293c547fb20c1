/** The bytes each token id stands for, in the flat form the native generator matches stop strings with. */

export interface ByteTable {
  bytes: Uint8Array
  /** [V+1]; token i is bytes[offsets[i] .. offsets[i+1]). */
  offsets: Int32Array
}

const BYTE_PIECE = /^<0x([0-9A-Fa-f]{2})>$/

/** Control tokens have no bytes: a stop string never matches across a turn boundary. */
export function byteTable(pieces: Map<string, number>, size: number, control: Set<number>): ByteTable {
  const byId: (Uint8Array | undefined)[] = new Array(size)
  const utf8 = new TextEncoder()
  for (const [piece, id] of pieces) {
    if (control.has(id)) continue
    const byte = BYTE_PIECE.exec(piece)
    byId[id] = byte
      ? Uint8Array.of(Number.parseInt(byte[1] as string, 16))
      : utf8.encode(piece.replaceAll('\u2581', ' '))
  }
  const offsets = new Int32Array(size + 1)
  for (let i = 0; i < size; i++) offsets[i + 1] = (offsets[i] as number) + (byId[i]?.length ?? 0)
  const bytes = new Uint8Array(offsets[size] as number)
  byId.forEach((piece, i) => {
    if (piece) bytes.set(piece, offsets[i])
  })
  return { bytes, offsets }
}
