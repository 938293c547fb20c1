/**
 * Role: one trainable view of a Gemma (actor or critic) with its gradients and optimizer.
 * Results arrive as Tensors; verbs run in the order they were called.
 */
import { withCancel } from './cancel.ts'
import { type SaveOptions, writeCheckpoint } from './checkpoint.ts'
import { dispose } from './dispose-symbol.ts'
import type { GemmaTokens } from './gemma-config.ts'
import { Generator, type GeneratorOptions } from './generator.ts'
import { Tensor } from './tensor.ts'
import type {
  AdamWSpec,
  CriticStepSpec,
  GemmaConfig,
  NativeAddon,
  NativeCancelToken,
  NativeRole,
  Objective,
  OptimizerStepResult,
  PackedBatch,
} from './types.ts'

/** Rows of logits alive at once in the chunked log-probability. */
const CHUNK = 2048

interface Abortable {
  signal?: AbortSignal
}
interface StepOptions extends Abortable {
  /** Recompute each layer in backward: less memory, the same numbers. */
  checkpoint?: boolean
  chunk?: number
}
interface Model {
  addon: Pick<NativeAddon, 'CancelToken'>
  config: GemmaConfig
  tokens: GemmaTokens
  dtype: 'float32' | 'bfloat16'
}

export class Role {
  readonly name: string
  readonly config: GemmaConfig
  readonly #native: NativeRole
  readonly #model: Model

  constructor(native: NativeRole, model: Model) {
    this.#native = native
    this.#model = model
    this.name = native.name
    this.config = model.config
  }

  /** The native handle, for the generator. */
  get native(): NativeRole {
    return this.#native
  }

  #run<T>(options: Abortable, verb: (cancel?: NativeCancelToken) => Promise<T>): Promise<T> {
    return withCancel(this.#model.addon, options.signal, verb)
  }

  /** [N] log-probabilities of the scored tokens, and their entropies in nats when asked for. */
  async logprobs(
    batch: PackedBatch,
    options: Abortable & { temperature?: number; entropy?: boolean; chunk?: number } = {},
  ): Promise<{ logprobs: Tensor<'float32'>; entropy?: Tensor<'float32'> }> {
    const { temperature = 1, entropy = false, chunk = CHUNK } = options
    const found = await this.#run(options, (cancel) =>
      this.#native.logprobs(batch, { temperature, entropy, chunk }, cancel),
    )
    const logprobs = Tensor.adopt<'float32'>(found.logprobs)
    return found.entropy ? { logprobs, entropy: Tensor.adopt<'float32'>(found.entropy) } : { logprobs }
  }

  /** [T, V] logits; for tests and small models. */
  async logits(batch: PackedBatch, options: Abortable = {}): Promise<Tensor<'float32'>> {
    return Tensor.adopt(await this.#run(options, (cancel) => this.#native.logits(batch, cancel)))
  }

  /** [B, M] raw scores of the heads at the last token of each sequence. */
  async scores(batch: PackedBatch, options: Abortable = {}): Promise<Tensor<'float32'>> {
    return Tensor.adopt(await this.#run(options, (cancel) => this.#native.scores(batch, cancel)))
  }

  /** Forward and backward of an objective; gradients add up until optimizerStep. */
  async policyStep(
    batch: PackedBatch,
    objective: Objective,
    options: StepOptions = {},
  ): Promise<{ loss: number; logprobs: Tensor<'float32'>; logRatios: Tensor<'float32'> }> {
    const { checkpoint = false, chunk = CHUNK } = options
    const step = await this.#run(options, (cancel) =>
      this.#native.policyStep(batch, objective, { checkpoint, chunk }, cancel),
    )
    return { loss: step.loss, logprobs: Tensor.adopt(step.logprobs), logRatios: Tensor.adopt(step.logRatios) }
  }

  /** Forward and backward of the critics' losses over one trunk. */
  async criticStep(
    batch: PackedBatch,
    spec: CriticStepSpec,
    options: Omit<StepOptions, 'chunk'> = {},
  ): Promise<{ loss: number; lossPerHead: number[]; scores: Tensor<'float32'> }> {
    const { checkpoint = false } = options
    const step = await this.#run(options, (cancel) =>
      this.#native.criticStep(batch, spec, { checkpoint }, cancel),
    )
    return { ...step, scores: Tensor.adopt(step.scores) }
  }

  configureOptimizer(spec: AdamWSpec): void {
    this.#native.configureOptimizer(spec)
  }

  /** Clips by global norm (0 = off), applies AdamW, clears the gradients. */
  optimizerStep(options: Abortable & { lr: number; clipNorm?: number }): Promise<OptimizerStepResult> {
    const { lr, clipNorm = 0 } = options
    return this.#run(options, (cancel) => this.#native.optimizerStep({ lr, clipNorm }, cancel))
  }

  zeroGradients(): Promise<void> {
    return this.#native.zeroGradients()
  }

  parameters(): ReturnType<NativeRole['parameters']> {
    return this.#native.parameters()
  }

  /** A float32 copy of a parameter, by the name parameters() gives it. */
  async parameter(name: string): Promise<Tensor<'float32'>> {
    return Tensor.adopt(await this.#native.parameter(name))
  }

  /** A float32 copy of the gradient accumulated so far. */
  async gradient(name: string): Promise<Tensor<'float32'>> {
    return Tensor.adopt(await this.#native.gradient(name))
  }

  /** Overwrites the trainable state with that of a role of the same structure. */
  copyFrom(other: Role): Promise<void> {
    return this.#native.copyFrom(other.native)
  }

  saveAdapter(path: string): Promise<void> {
    return this.#native.saveAdapter(path)
  }
  loadAdapter(path: string): Promise<void> {
    return this.#native.loadAdapter(path)
  }
  saveOptimizer(path: string): Promise<void> {
    return this.#native.saveOptimizer(path)
  }
  loadOptimizer(path: string): Promise<void> {
    return this.#native.loadOptimizer(path)
  }

  /**
   * Writes the role's weights (not its adapters or heads) as a checkpoint that Hugging Face reads. The folder
   * appears whole, replacing an older one, or not at all.
   */
  save(dir: string, options: SaveOptions = {}): Promise<void> {
    return writeCheckpoint(dir, this.#model, (path) => this.#native.saveWeights(path, 'model.'), options)
  }

  /** Generation on this role's weights as they are when each token is sampled; see Generator. */
  generator(options: GeneratorOptions): Generator {
    return Generator.of(this.#native, options)
  }

  dispose(): void {
    this.#native.dispose()
  }

  [dispose](): void {
    this.dispose()
  }
}
