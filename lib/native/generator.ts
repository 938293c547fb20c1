/**
 * Generator: continuous-batching generation on a role's own weights, token ids in, token ids out.
 * Promise: a sequence depends on its prompt, settings, seed and the weights, never on what runs beside it.
 * Leaves out text: encoding, chat templates and parsing belong to the caller.
 */
import { z } from 'zod'
import { Admission } from './admission.ts'
import { withCancel } from './cancel.ts'
import { dispose } from './dispose-symbol.ts'
import { MiraNativeError } from './errors.ts'
import { loadNative } from './loader.ts'
import type { GenerateResult, GeneratorSpec, GeneratorStats, NativeGenerator, NativeRole } from './types.ts'

// Not instanceof: its inferred type excludes views of shared memory.
const int32s = z.custom<Int32Array>((value) => value instanceof Int32Array, 'expected an Int32Array')
const tokenIds = z.union([int32s, z.array(z.int32().nonnegative()).readonly()], {
  error: 'expected an Int32Array or an array of token ids',
})

const optionsSchema = z.strictObject({
  /** Sequences held at once, idle sessions included; further requests queue. */
  slots: z.int().min(1).max(4096).default(16),
  /** Longest prompt + completion, in tokens; at most the model's maxPositions. */
  maxLength: z.int().min(2),
  /** Bytes of every token id; needed for stop strings. */
  vocabulary: z.object({ bytes: z.instanceof(Uint8Array), offsets: int32s }).optional(),
  /** Prompt tokens prefilled per engine turn at most: larger is faster, smaller lets decoding interleave. */
  prefillChunk: z.int().min(1).default(512),
  /** See GeneratorSpec. */
  exact: z.boolean().default(false),
  /** See GeneratorSpec. */
  decoder: z.enum(['auto', 'packed', 'slots']).default('auto'),
  /** See GeneratorSpec. */
  snapshots: z.int().nonnegative().max(65536).optional(),
  /** Requests that may wait for a slot; null = unlimited. */
  maxQueued: z.int().nonnegative().nullable().default(null),
  /** What one request more does: fail with ERR_QUEUE_FULL, or wait in its caller's hands. */
  whenFull: z.enum(['reject', 'wait']).default('reject'),
})
export type GeneratorOptions = z.input<typeof optionsSchema>

const requestSchema = z.strictObject({
  /** The prompt, [1..]. */
  ids: tokenIds,
  maxNewTokens: z.int().min(1),
  /** 0 = greedy. */
  temperature: z.number().min(0).max(1e4).default(1),
  /** Sample among the k likeliest tokens only; 0 = off. */
  topK: z.int().nonnegative().default(0),
  /** Sample among the fewest likeliest tokens that hold this mass, after top-k; 1 = off. */
  topP: z.number().gt(0).max(1).default(1),
  /** The sequence ends with the first of these that is sampled. */
  stopIds: tokenIds.default([]),
  /** The sequence ends with the token that completes one of these in the bytes sampled. */
  stopStrings: z.array(z.string().min(1)).readonly().default([]),
  /** The same seed and prompt give the same sequence. */
  seed: z.union([z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn), z.int().nonnegative()]).default(0n),
  /** Key of a conversation: its KV cache is kept and the next request of the session reuses a common prefix. */
  session: z.int().nonnegative().optional(),
})
export type GenerateOptions = z.input<typeof requestSchema>

/** @throws MiraNativeError ERR_INVALID_ARGUMENT naming the field */
function parse<S extends z.ZodType>(what: string, schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = [what, ...(issue?.path ?? [])].join('.')
  throw new MiraNativeError('ERR_INVALID_ARGUMENT', `${field}: ${issue?.message ?? 'invalid'}`, {
    cause: result.error,
  })
}

const int32 = (ids: Int32Array | readonly number[]) =>
  ids instanceof Int32Array ? ids : Int32Array.from(ids)

export class Generator {
  readonly #native: NativeGenerator
  readonly #admission: Admission

  constructor(native: NativeGenerator, admission = new Admission(Number.POSITIVE_INFINITY, 'wait')) {
    this.#native = native
    this.#admission = admission
  }

  /** @throws MiraNativeError or TypeError (ERR_INVALID_ARGUMENT) naming the option */
  static of(role: Pick<NativeRole, 'generator'>, options: GeneratorOptions): Generator {
    const { vocabulary, snapshots, maxQueued, whenFull, ...rest } = parse('generator', optionsSchema, options)
    const spec: GeneratorSpec = {
      ...rest,
      ...(vocabulary ? { vocabulary } : {}),
      ...(snapshots === undefined ? {} : { snapshots }),
    }
    const limit = maxQueued === null ? Number.POSITIVE_INFINITY : rest.slots + maxQueued
    return new Generator(role.generator(spec), new Admission(limit, whenFull))
  }

  /**
   * Samples one completion. Requests made together, or while others run, share the model's passes.
   * @throws MiraNativeError or TypeError (ERR_INVALID_ARGUMENT) naming the field, AbortError (ERR_ABORTED) when
   * the signal fires or the generator is disposed meanwhile, Error (ERR_DISPOSED) after dispose, MiraNativeError
   * (ERR_QUEUE_FULL) beyond maxQueued unless whenFull is 'wait'
   */
  async generate(request: GenerateOptions, options: { signal?: AbortSignal } = {}): Promise<GenerateResult> {
    const { session, ...r } = parse('generate', requestSchema, request)
    const native = {
      ...r,
      ids: int32(r.ids),
      stopIds: int32(r.stopIds),
      stopStrings: [...r.stopStrings],
      seed: BigInt(r.seed),
      ...(session === undefined ? {} : { session }),
    }
    return this.#admission.run(
      () => withCancel(loadNative(), options.signal, async (cancel) => this.#native.generate(native, cancel)),
      options.signal,
    )
  }

  /** Forgets a session's cache; a request of it that is running ends normally. */
  release(session: number): void {
    this.#native.release(session)
  }

  /**
   * To be called after the role's weights have changed: cached prefixes are forgotten, and sequences that are
   * running recompute theirs, so that every further token comes from the new weights.
   */
  invalidate(): Promise<void> {
    return this.#native.invalidate()
  }

  /**
   * Forgets every cached prefix and gives the memory of keys and values back until the next request, for the half
   * of a phase in which nothing is generated.
   */
  suspend(): Promise<void> {
    return this.#native.suspend()
  }

  stats(): GeneratorStats {
    return this.#native.stats()
  }

  /** Rejects what is pending as aborted and frees the caches. Idempotent. */
  dispose(): void {
    this.#native.dispose()
  }

  [dispose](): void {
    this.dispose()
  }
}
