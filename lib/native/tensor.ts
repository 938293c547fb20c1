/**
 * Tensor: native memory as a typed array, without a copy, freed when told to.
 * Promise: `data` is a view of the very bytes the native side computes on; after dispose() it has length 0.
 * Leaves out arithmetic: native verbs and plain loops over `data` do that.
 */
import { markAsUntransferable } from 'node:worker_threads'
import { dispose } from './dispose-symbol.ts'
import { MiraNativeError } from './errors.ts'
import { loadNative } from './loader.ts'
import { type DataOf, elementBytes, viewOf } from './tensor-data.ts'
import { enclosingScope } from './tensor-scope.ts'
import type { DType, NativeTensor } from './types.ts'

export class Tensor<D extends DType = DType> {
  readonly shape: readonly number[]
  readonly dtype: D
  #handle: NativeTensor
  #data: DataOf[D] | undefined

  private constructor(handle: NativeTensor, data?: DataOf[D]) {
    this.#handle = handle
    this.#data = data
    this.shape = handle.shape
    this.dtype = handle.dtype as D
    enclosingScope()?.add(this)
  }

  /** Takes over a handle that a native verb returned. */
  static adopt<D extends DType = DType>(handle: NativeTensor): Tensor<D> {
    return new Tensor<D>(handle)
  }

  /** A tensor of zeros; pages are taken from the system when first written. */
  static zeros<D extends DType>(dtype: D, shape: readonly number[]): Tensor<D> {
    return new Tensor<D>(loadNative().createTensor(dtype, [...shape]))
  }

  /** A tensor with a copy of `data`, whose bytes must be exactly those of the shape. Shape default: flat. */
  static from<D extends DType>(
    dtype: D,
    data: DataOf[D],
    shape: readonly number[] = [data.length],
  ): Tensor<D> {
    return new Tensor<D>(loadNative().createTensor(dtype, [...shape], data))
  }

  /**
   * A tensor over the caller's own memory: native code writes into `data`. The ArrayBuffer is kept alive until
   * the last native use ends, and can no longer be transferred to a worker (its memory must not move).
   */
  static borrow<D extends DType>(
    dtype: D,
    data: DataOf[D],
    shape: readonly number[] = [data.length],
  ): Tensor<D> {
    const handle = loadNative().borrowTensor(dtype, [...shape], data)
    markAsUntransferable(data.buffer)
    return new Tensor<D>(handle, data)
  }

  /** Row-major elements; bfloat16 as its 16 bits (see bfloat16ToFloat32). The same object at every call. */
  get data(): DataOf[D] {
    this.#data ??= viewOf(this.dtype, this.handle.buffer())
    return this.#data
  }

  /** The native handle, for verbs. @throws MiraNativeError ERR_DISPOSED */
  get handle(): NativeTensor {
    if (!this.#handle.disposed) return this.#handle
    const name = `${this.dtype} tensor [${this.shape.join(', ')}]`
    throw new MiraNativeError(
      'ERR_DISPOSED',
      `this ${name} was disposed; keep it until its data is no longer needed`,
    )
  }

  get disposed(): boolean {
    return this.#handle.disposed
  }

  /** Number of elements. */
  get length(): number {
    return this.shape.reduce((product, size) => product * size, 1)
  }

  /** Size of the elements in bytes, also after dispose. */
  get bytes(): number {
    return this.length * elementBytes(this.dtype)
  }

  /** Frees the memory and empties every view of it (a borrowed tensor leaves the caller's array alone). */
  dispose(): void {
    this.#handle.dispose()
    this.#data = undefined
  }

  [dispose](): void {
    this.dispose()
  }

  toString(): string {
    return `Tensor(${this.dtype} [${this.shape.join(', ')}]${this.disposed ? ', disposed' : ''})`
  }
}
