/**
 * Role: one trainable view of a Gemma (actor or critic) with its gradients and optimizer.
 * Results arrive as Tensors; verbs run in the order they were called.
 */
import { withCancel } from './cancel.ts'
import { type AdapterState, loadAdapter, saveAdapter } from './adapter.ts'
import { type SavedModel, type SaveOptions, writeCheckpoint } from './checkpoint-save.ts'
import { dispose } from './dispose-symbol.ts'
import { Generator, type GeneratorOptions } from './generator.ts'
import { allTargets } from './peft.ts'
import { Tensor } from './tensor.ts'
import type {
  AdamWSpec,
  Checkpointing,
  CriticStepSpec,
  Exact,
  GemmaConfig,
  NativeAddon,
  NativeCancelToken,
  NativeRole,
  Objective,
  OptimizerStepResult,
  PackedBatch,
  RoleSpec,
} from './types.ts'

/** Rows of logits alive at once in the chunked log-probability. */
const CHUNK = 2048

interface Abortable {
  signal?: AbortSignal
}
interface StepOptions extends Abortable {
  /** What each layer keeps for backward; less memory, the same numbers. Default 'none': everything. */
  checkpoint?: Checkpointing
  chunk?: number
}
interface Model extends SavedModel {
  addon: Pick<NativeAddon, 'CancelToken' | 'safetensorsHeader'>
}

export class Role {
  readonly name: string
  readonly config: GemmaConfig
  readonly #native: NativeRole
  readonly #model: Model
  readonly #spec: RoleSpec

  constructor(native: NativeRole, model: Model, spec: RoleSpec) {
    this.#native = native
    this.#model = model
    this.#spec = spec
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
    options: Abortable & { temperature?: number; entropy?: boolean; chunk?: number; exact?: Exact } = {},
  ): Promise<{ logprobs: Tensor<'float32'>; entropy?: Tensor<'float32'> }> {
    const { temperature = 1, entropy = false, chunk = CHUNK, exact = false } = options
    const found = await this.#run(options, (cancel) =>
      this.#native.logprobs(batch, { temperature, entropy, chunk, exact }, cancel),
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
    options: StepOptions & { exact?: Exact } = {},
  ): Promise<{ loss: number; logprobs: Tensor<'float32'>; logRatios: Tensor<'float32'> }> {
    const { checkpoint = 'none', chunk = CHUNK, exact = false } = options
    const step = await this.#run(options, (cancel) =>
      this.#native.policyStep(batch, objective, { checkpoint, chunk, exact }, cancel),
    )
    return { loss: step.loss, logprobs: Tensor.adopt(step.logprobs), logRatios: Tensor.adopt(step.logRatios) }
  }

  /** Forward and backward of the critics' losses over one trunk. */
  async criticStep(
    batch: PackedBatch,
    spec: CriticStepSpec,
    options: Omit<StepOptions, 'chunk'> = {},
  ): Promise<{ loss: number; lossPerHead: number[]; scores: Tensor<'float32'> }> {
    const { checkpoint = 'none' } = options
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

  /** Steps whose gradients wait for optimizerStep; fewer than were taken after a failure that cost them. */
  accumulatedSteps(): Promise<number> {
    return this.#native.accumulatedSteps()
  }

  /** Bytes of tensors a forward pass leaves for backward, logits aside, and the most it held; measured, not estimated. */
  activationMemory(
    batch: PackedBatch,
    options: Omit<StepOptions, 'chunk'> = {},
  ): Promise<{ held: number; peak: number }> {
    const { checkpoint = 'none' } = options
    return this.#run(options, (cancel) => this.#native.activationMemory(batch, { checkpoint }, cancel))
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

  get #adapter(): AdapterState {
    const { lora, heads } = this.#spec
    return {
      name: this.name,
      native: this.#native,
      config: this.config,
      lora: lora && { rank: lora.rank, alpha: lora.alpha, targets: allTargets(lora.targets) },
      heads: (heads?.length ?? 0) > 0,
      source: this.#model.source,
    }
  }

  /**
   * Writes adapters and heads: a folder in PEFT's layout (heads.safetensors beside it), which appears whole, or
   * one file when the path ends in .safetensors.
   */
  saveAdapter(path: string): Promise<void> {
    return saveAdapter(path, this.#adapter)
  }
  /** Reads either form. @throws CheckpointError when the adapter does not fit this role */
  loadAdapter(path: string): Promise<void> {
    return loadAdapter(path, this.#adapter, this.#model.addon)
  }
  saveOptimizer(path: string): Promise<void> {
    return this.#native.saveOptimizer(path)
  }
  loadOptimizer(path: string): Promise<void> {
    return this.#native.loadOptimizer(path)
  }

  /**
   * Writes the role's weights as a checkpoint that Hugging Face reads; `merge` adds its adapters, else they and
   * the heads are left out. The folder appears whole, replacing an older one, or not at all.
   */
  save(dir: string, options: SaveOptions & { merge?: boolean } = {}): Promise<void> {
    const { merge = false } = options
    return writeCheckpoint(
      dir,
      this.#model,
      (folder, how) =>
        this.#run(options, (cancel) => this.#native.saveWeights(folder, { ...how, merge }, cancel)),
      options,
    )
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
