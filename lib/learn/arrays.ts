/**
 * What the functions of this room share: float vectors that may be views of native tensors, episodes laid end
 * to end with offsets, and one error form. Nothing here resizes an array or assumes that it owns its buffer.
 *
 * Shape legend: E episodes, N transitions of all episodes end to end, T steps of one episode, K milestones,
 * B sequences of a batch, S scored tokens.
 */

export type FloatArray = Float32Array | Float64Array

/** An argument whose shape or value breaks a function's promise. */
export class LearnError extends Error {
  override readonly name = 'LearnError'
  readonly code: 'ERR_SHAPE' | 'ERR_VALUE'
  constructor(code: 'ERR_SHAPE' | 'ERR_VALUE', message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function expectLength(name: string, array: ArrayLike<unknown>, expected: number): void {
  if (array.length !== expected) {
    throw new LearnError('ERR_SHAPE', `expected ${expected} entries for ${name}, received ${array.length}`)
  }
}

export function expectRange(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) {
    throw new LearnError('ERR_VALUE', `expected a number in [${low}, ${high}] for ${name}, received ${value}`)
  }
}

/** `out` when the caller gave one, of exactly this length; a new Float32Array otherwise. */
export function output<A extends FloatArray = Float32Array>(out: A | undefined, length: number): A {
  if (out === undefined) return new Float32Array(length) as FloatArray as A
  expectLength('out', out, length)
  return out
}

/** Offsets [E+1] must start at 0, never fall, and end at `total`. */
export function expectOffsets(name: string, offsets: Int32Array, total: number): void {
  if (offsets.length === 0 || offsets[0] !== 0 || offsets[offsets.length - 1] !== total) {
    throw new LearnError(
      'ERR_SHAPE',
      `expected ${name} to run from 0 to ${total}, received ${offsets[0]} to ${offsets[offsets.length - 1]}`,
    )
  }
  for (let i = 1; i < offsets.length; i++) {
    if (at(offsets, i) < at(offsets, i - 1)) {
      throw new LearnError('ERR_SHAPE', `expected ${name} to be non-decreasing, it falls at entry ${i}`)
    }
  }
}

/** Offsets [E+1] of pieces with these lengths laid end to end. */
export function offsetsOf(lengths: ArrayLike<number>): Int32Array {
  const offsets = new Int32Array(lengths.length + 1)
  for (let i = 0; i < lengths.length; i++) offsets[i + 1] = at(offsets, i) + at(lengths, i)
  return offsets
}

/** An indexed read whose index is in range by construction; typed arrays answer `number | undefined` otherwise. */
export function at(array: ArrayLike<number>, index: number): number {
  return array[index] as number
}
