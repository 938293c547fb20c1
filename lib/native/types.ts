/**
 * The addon's whole surface, typed by hand: what native/binding exports and nothing else.
 * Users of mira see the classes of this folder (tensor.ts, model.ts, generator.ts), never these handles.
 *
 * Shape legend: T packed tokens, B sequences, N scored tokens, H hidden, V vocabulary, M heads of a critic.
 */

export type DType = 'float32' | 'bfloat16' | 'int32' | 'uint8'

/** Mirror of native/core/config.h. */
export interface GemmaConfig {
  vocab: number
  hidden: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  intermediate: number
  slidingWindow: number
  maxPositions: number
  rmsEps: number
  queryPreAttnScalar: number
  ropeThetaGlobal: number
  ropeThetaLocal: number
  ropeFactorGlobal: number
  /** One entry per layer: true = full attention. */
  layerIsGlobal: boolean[]
}

export interface NativeInfo {
  /** Version of the LibTorch that is actually loaded, e.g. "2.13.0". */
  torch: string
  /** Version of the headers the addon was compiled with. */
  torchHeaders: string
  /** Path of the libtorch_cpu.so that is mapped into this process. */
  libtorchPath: string
  napi: number
  cuda: { available: boolean; devices: { name: string; bytes: number }[] }
  cpu: { threads: number; capability: string }
}

export interface NativeCancelToken {
  cancel(): void
}

/** A CPU tensor whose memory JS can see. */
export interface NativeTensor {
  readonly shape: number[]
  readonly dtype: DType
  readonly bytes: number
  /** External ArrayBuffer over the tensor's memory; the same object at every call until dispose. */
  buffer(): ArrayBuffer
  /** Detaches the buffer and drops the storage; idempotent. */
  dispose(): void
  readonly disposed: boolean
}

export type NativeTensorLike = NativeTensor

/** Mirror of native/core/batch.h: plain typed arrays, copied in. */
export interface PackedBatch {
  /** Token ids of B sequences end to end, [T]. */
  ids: Int32Array
  /** Where each sequence starts, [B+1], first 0, last T. */
  offsets: Int32Array
  /** Packed indices of the tokens to score, [N], ascending, never the first of a sequence. */
  scored: Int32Array
}

export interface RoleSpec {
  name: string
  /** full: trains the weights; lora: trains adapters on frozen weights. */
  kind: 'full' | 'lora'
  /** full only. true: a private copy of the weights; false: the model's own weights. */
  copy?: boolean
  lora?: { rank: number; alpha: number; seed: number; targets?: LoraTarget[] }
  heads?: { name: string; width: number; seed: number }[]
}
export type LoraTarget = 'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down'

export interface AdamWSpec {
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
}

/** What a policy step minimises; see native/core/objective.h and lib/learn/objectives.ts. */
export type Objective =
  /** sum_n w_n * -logp_n / normaliser */
  | { kind: 'nll'; weights: Float32Array; normaliser: number }
  /** sum_b w_b (beta * rho_b - A_b)^2 / normaliser, rho_b = sum over the sequence's scored tokens of logp - ref
   *  (divided by their count when lengthNormalised). Paper Eq. 12. */
  | {
      kind: 'regression'
      beta: number
      advantages: Float32Array
      reference: Float32Array
      weights: Float32Array
      normaliser: number
      lengthNormalised: boolean
    }
  /** sum_b -w_b * sum_n logp_n / normaliser: advantage-weighted likelihood (KL form of Eq. 21, AWR, cloning). */
  | { kind: 'weighted'; weights: Float32Array; normaliser: number }
  /** Any objective computed in JS: gradient of the loss in each logprob, [N]. */
  | { kind: 'gradient'; gradient: Float32Array }

export interface PolicyStepResult {
  loss: number
  /** [N] log-probabilities before the step (temperature 1). */
  logprobs: NativeTensor
  /** [B] rho_b for 'regression', empty otherwise. */
  logRatios: NativeTensor
}

export interface CriticStepSpec {
  /** [B, M] targets in [0,1], head-major within a row. */
  targets: Float32Array
  /** [B, M] weight of each target; 0 = not trained on. */
  weights: Float32Array
  /** Per head: bce on sigmoid(score) or mse on sigmoid(score). */
  losses: ('bce' | 'mse')[]
  /** Divides the weighted sum. */
  normaliser: number
}

export interface OptimizerStepResult {
  gradNorm: number
  clipped: boolean
  step: number
}

export interface GenerateRequest {
  ids: Int32Array
  maxNewTokens: number
  /** 0 = greedy. */
  temperature: number
  /** 0 = off. */
  topK: number
  /** 1 = off. */
  topP: number
  stopIds: Int32Array
  /** Needs the generator's vocabulary. */
  stopStrings: string[]
  /** Counter-based: the same seed and prompt give the same sequence whatever runs beside it. */
  seed: bigint
  /** Keep the KV cache under this key after the end, and reuse the longest common prefix of what it holds. */
  session?: number
}

export interface GenerateResult {
  /** Sampled ids, the stop id included when one was sampled. */
  ids: Int32Array
  /** log-probability of each sampled id under softmax(logits / T) (T = 1 when greedy), before top-k/top-p. */
  logprobs: Float32Array
  /** log-probability under the distribution actually sampled from. */
  samplingLogprobs: Float32Array
  stop: 'id' | 'string' | 'length'
  promptTokens: number
  reusedTokens: number
}

export interface GeneratorSpec {
  /** Sequences held at once; further requests queue. */
  slots: number
  /** Longest prompt + completion. */
  maxLength: number
  /** Bytes of every token id, concatenated, with [V+1] offsets; needed for stop strings. */
  vocabulary?: { bytes: Uint8Array; offsets: Int32Array }
  /** Prompt tokens prefilled per engine turn at most; default 512. */
  prefillChunk?: number
  /**
   * packed: on a repacked copy of the weights; fastest, and a sequence's bits never depend on its companions.
   * aten: on the weights as they are, through the training kernels. auto (default): packed up to a copy of 2 GiB.
   */
  decoder?: 'auto' | 'packed' | 'aten'
}

export interface GeneratorStats {
  promptTokens: number
  reusedTokens: number
  sampledTokens: number
  prefillSeconds: number
  decodeSeconds: number
  active: number
  queued: number
  slots: number
  /** Bytes of keys and values held. */
  cacheBytes: number
}

export interface NativeGenerator {
  generate(request: GenerateRequest, cancel?: NativeCancelToken): Promise<GenerateResult>
  /** Forgets a session's cache. */
  release(session: number): void
  /** Forgets every cached prefix; called after the role's weights change. */
  invalidate(): Promise<void>
  stats(): GeneratorStats
  dispose(): void
}

export interface NativeRole {
  readonly name: string
  logprobs(
    batch: PackedBatch,
    options: { temperature: number; entropy: boolean; chunk: number },
    cancel?: NativeCancelToken,
  ): Promise<{ logprobs: NativeTensor; entropy?: NativeTensor }>
  /** [T, V] float32; for tests and small models. */
  logits(batch: PackedBatch, cancel?: NativeCancelToken): Promise<NativeTensor>
  /** [B, M] raw scores of the heads at the last token of each sequence. */
  scores(batch: PackedBatch, cancel?: NativeCancelToken): Promise<NativeTensor>
  /** Forward and backward; gradients accumulate until optimizerStep. */
  policyStep(
    batch: PackedBatch,
    objective: Objective,
    options: { checkpoint: boolean; chunk: number },
    cancel?: NativeCancelToken,
  ): Promise<PolicyStepResult>
  criticStep(
    batch: PackedBatch,
    spec: CriticStepSpec,
    options: { checkpoint: boolean },
    cancel?: NativeCancelToken,
  ): Promise<{ loss: number; lossPerHead: number[]; scores: NativeTensor }>
  configureOptimizer(spec: AdamWSpec): void
  /** Clips by global norm (0 = off), applies AdamW with this learning rate, clears gradients. */
  optimizerStep(
    options: { lr: number; clipNorm: number },
    cancel?: NativeCancelToken,
  ): Promise<OptimizerStepResult>
  zeroGradients(): Promise<void>
  /** Names, shapes and dtypes under Hugging Face names (LoRA: PEFT names; heads: heads.NAME.*). */
  parameters(): { name: string; shape: number[]; dtype: DType; trainable: boolean }[]
  /** A copy of a parameter or of its accumulated gradient, as float32. */
  parameter(name: string): Promise<NativeTensor>
  gradient(name: string): Promise<NativeTensor>
  /** Overwrites this role's trainable state with another's of the same structure. */
  copyFrom(other: NativeRole): Promise<void>
  /** Writes trainable state other than shared weights (adapters, heads), PEFT names, as safetensors. */
  saveAdapter(path: string): Promise<void>
  loadAdapter(path: string): Promise<void>
  /** Optimizer moments and step, as safetensors. */
  saveOptimizer(path: string): Promise<void>
  loadOptimizer(path: string): Promise<void>
  /** The role's effective weights (own copy, or base), under prefix + HF names, as safetensors. */
  saveWeights(path: string, prefix: string): Promise<void>
  generator(spec: GeneratorSpec): NativeGenerator
  dispose(): void
}

export interface NativeModel {
  readonly config: GemmaConfig
  readonly dtype: DType
  parameterCount(): number
  role(spec: RoleSpec, cancel?: NativeCancelToken): Promise<NativeRole>
  dispose(): void
}

export interface SafetensorsEntry {
  name: string
  dtype: string
  shape: number[]
  begin: number
  end: number
}

export interface NativeAddon {
  info(): NativeInfo
  setThreads(count: number): Promise<void>
  /** Bytes of tensor memory that JS holds alive through ArrayBuffers. */
  externalBytes(): number
  CancelToken: new () => NativeCancelToken
  /** A tensor with storage of its own, zeroed, or copied from `data`. */
  createTensor(dtype: DType, shape: number[], data?: ArrayBufferView): NativeTensor
  /** A tensor over the caller's memory, not copied; the view stays alive until dispose. */
  borrowTensor(dtype: DType, shape: number[], data: ArrayBufferView): NativeTensor
  randomModel(
    config: GemmaConfig,
    options: { dtype: DType; seed: bigint; initStd: number; postNormGain: number },
    cancel?: NativeCancelToken,
  ): Promise<NativeModel>
  /** `weightMap` names the file of every tensor; `prefix` is stripped ("model.", "language_model.model.", ...). */
  loadModel(
    config: GemmaConfig,
    options: { dtype: DType; files: string[]; prefix: string; ignore: string[] },
    cancel?: NativeCancelToken,
  ): Promise<NativeModel>
  /** Strictly parsed header of a safetensors file. */
  safetensorsHeader(path: string): Promise<{ entries: SafetensorsEntry[]; metadata: Record<string, string> }>
  /** Writes tensors atomically (aside, fsync, rename). */
  safetensorsWrite(
    path: string,
    tensors: { name: string; tensor: NativeTensor }[],
    metadata: Record<string, string>,
    cancel?: NativeCancelToken,
  ): Promise<void>
  safetensorsRead(
    path: string,
    names: string[],
    cancel?: NativeCancelToken,
  ): Promise<{ name: string; tensor: NativeTensor }[]>
}
