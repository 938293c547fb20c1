/**
 * Which typed array shows which dtype, and bfloat16's conversion (JavaScript has no array for it).
 */
import type { DType } from './types.ts'

export interface DataOf {
  float32: Float32Array<ArrayBuffer>
  int32: Int32Array<ArrayBuffer>
  uint8: Uint8Array<ArrayBuffer>
  /** The upper 16 bits of a float32. */
  bfloat16: Uint16Array<ArrayBuffer>
}

const arrays: { [D in DType]: { new (buffer: ArrayBuffer): DataOf[D]; readonly BYTES_PER_ELEMENT: number } } =
  {
    float32: Float32Array,
    int32: Int32Array,
    uint8: Uint8Array,
    bfloat16: Uint16Array,
  }

export function viewOf<D extends DType>(dtype: D, buffer: ArrayBuffer): DataOf[D] {
  return new arrays[dtype](buffer)
}

export function elementBytes(dtype: DType): number {
  return arrays[dtype].BYTES_PER_ELEMENT
}

/** Exact: every bfloat16 is a float32. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const wide = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) wide[i] = (bits[i] ?? 0) << 16
  return new Float32Array(wide.buffer)
}

/** Rounds to nearest, ties to even; a NaN stays a NaN. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(Float32Array.from(values).buffer)
  const out = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] ?? 0
    const nan = (word & 0x7fffffff) > 0x7f800000
    out[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return out
}
