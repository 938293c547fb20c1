/**
 * Gemma: the weights of one model, loaded or random, and the roles made from them.
 * Every verb runs on the engine thread, returns a promise and takes an AbortSignal.
 */
import { dispose } from './dispose-symbol.ts'
import { withCancel } from './cancel.ts'
import { resolveCheckpoint, type SaveOptions, writeCheckpoint } from './checkpoint.ts'
import { checkGemmaConfig, type GemmaTokens } from './gemma-config.ts'
import { loadNative } from './loader.ts'
import { Role } from './role.ts'
import type { GemmaConfig, NativeModel, RoleSpec } from './types.ts'

export { Role } from './role.ts'

type WeightDType = 'float32' | 'bfloat16'

export interface RandomModelOptions {
  dtype?: WeightDType
  seed?: number | bigint
  /** Standard deviation of every matrix. */
  initStd?: number
  /** Gain of the two post-norms at the start; small keeps the residual stream tame from scratch. */
  postNormGain?: number
  tokens?: GemmaTokens
  signal?: AbortSignal
}

export class Gemma {
  readonly config: GemmaConfig
  readonly dtype: WeightDType
  readonly tokens: GemmaTokens
  readonly #native: NativeModel

  private constructor(native: NativeModel, tokens: GemmaTokens) {
    this.#native = native
    this.config = native.config
    this.dtype = native.dtype as WeightDType
    this.tokens = tokens
  }

  /**
   * Loads a folder in the Hugging Face layout, text-only or multimodal, single file or sharded.
   * @throws GemmaConfigError, CheckpointError, or a native error naming the file and tensor
   */
  static async load(
    dir: string,
    options: { dtype?: WeightDType; signal?: AbortSignal } = {},
  ): Promise<Gemma> {
    const addon = loadNative()
    const { config, tokens, files, prefix, ignore } = await resolveCheckpoint(addon, dir)
    const dtype = options.dtype ?? 'float32'
    const native = await withCancel(addon, options.signal, (cancel) =>
      addon.loadModel(config, { dtype, files, prefix, ignore }, cancel),
    )
    return new Gemma(native, tokens)
  }

  /** A model with random weights. */
  static async random(config: GemmaConfig, options: RandomModelOptions = {}): Promise<Gemma> {
    checkGemmaConfig(config)
    const addon = loadNative()
    const { dtype = 'float32', seed = 0, initStd = 0.02, postNormGain = 1 } = options
    const native = await withCancel(addon, options.signal, (cancel) =>
      addon.randomModel(config, { dtype, seed: BigInt(seed), initStd, postNormGain }, cancel),
    )
    return new Gemma(native, options.tokens ?? { bos: 2, eos: [1], pad: 0 })
  }

  /** Number of parameters, the tied embedding counted once. */
  get parameterCount(): number {
    return this.#native.parameterCount()
  }

  async role(spec: RoleSpec, options: { signal?: AbortSignal } = {}): Promise<Role> {
    const addon = loadNative()
    const native = await withCancel(addon, options.signal, (cancel) => this.#native.role(spec, cancel))
    return new Role(native, { addon, config: this.config, tokens: this.tokens, dtype: this.dtype })
  }

  /** Writes the model's own weights as a text-only checkpoint that Hugging Face reads; see Role.save. */
  async save(dir: string, options: SaveOptions = {}): Promise<void> {
    const view = await this.#native.role({ name: 'save', kind: 'full', copy: false })
    try {
      await writeCheckpoint(dir, this, (path) => view.saveWeights(path, 'model.'), options)
    } finally {
      view.dispose()
    }
  }

  /** Frees the weights once no role uses them. */
  dispose(): void {
    this.#native.dispose()
  }

  [dispose](): void {
    this.dispose()
  }
}
