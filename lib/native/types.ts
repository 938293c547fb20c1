/**
 * The addon's whole surface, typed by hand: what native/binding exports and nothing else.
 * Users of mira see the classes of this folder (tensor.ts, model.ts, generator.ts), never these handles.
 *
 * Shape legend: T packed tokens, B sequences, N scored tokens, A actions, H hidden, V vocabulary, M heads of a critic.
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
  /** kernels: this addon was built with CUDA kernels; available: it was, and there is a device to run them. */
  cuda: { kernels: boolean; available: boolean; devices: { name: string; bytes: number }[] }
  cpu: { threads: number; capability: string }
}

/** What the allocator of one device says, bytes. */
export interface NativeMemory {
  /** As asked for, with the index: "cpu", "cuda:0". */
  device: string
  /** In live tensors. */
  allocatedBytes: number
  /** Held by the allocator, caches included; the CPU's keeps none. */
  reservedBytes: number
  /** Most allocatedBytes since the start or the last reset. */
  peakBytes: number
  /** What may still be allocated: free memory and unused caches. */
  availableBytes: number
  totalBytes: number
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
  /**
   * Where each action's tokens begin in `scored`, [A+1], first 0, last N, never falling; absent: each sequence is one
   * action. Actions of one episode whose prompts extend each other share a sequence this way.
   */
  groups?: Int32Array
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

/**
 * How the optimizer keeps the state of bfloat16 parameters, with bytes per parameter beside weight and gradient:
 * float32 (12): float32 moments and master. stochastic (4): bfloat16 moments, no master, stochastic rounding.
 * split (6): bfloat16 moments, exact master in two halves. int8 (2.03): 8-bit block-wise moments, no master,
 * stochastic rounding. float32 parameters (adapters, heads) have float32 moments (8) under every name.
 */
export type OptimizerState = 'float32' | 'stochastic' | 'split' | 'int8'

/**
 * Where gradients add up between optimizer steps. float32: in float32 beside each pass's own; a failed step adds
 * nothing. parameter: in the parameter's dtype, in place; a step that fails half-way clears them all.
 */
export type GradientStorage = 'float32' | 'parameter'

/**
 * Score with the sampler's own arithmetic, so that log-probabilities equal the generator's bit for bit
 * (docs/exact.md): true means that of the decoder which 'auto' chooses; a name means that decoder's, slots in its
 * exact mode.
 */
export type Exact = boolean | 'packed' | 'slots'

/** What a layer keeps for backward; native/core/forward.h. */
export type Checkpointing = 'none' | 'full' | 'selective'

export interface AdamWSpec {
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  /** Default float32. */
  state?: OptimizerState
  /** Default float32. */
  gradients?: GradientStorage
  /** Of stochastic rounding; default 0. */
  seed?: bigint
}

/** What a policy step minimises; see native/core/objective.h and lib/learn/objectives.ts. */
export type Objective =
  /** sum_n w_n * -logp_n / normaliser */
  | { kind: 'nll'; weights: Float32Array; normaliser: number }
  /** sum_a w_a (beta * rho_a - A_a)^2 / normaliser over actions (batch.groups, else sequences), rho_a = sum over the
   *  action's scored tokens of logp - ref (divided by their count when lengthNormalised). Paper Eq. 12. */
  | {
      kind: 'regression'
      beta: number
      advantages: Float32Array
      reference: Float32Array
      weights: Float32Array
      normaliser: number
      lengthNormalised: boolean
    }
  /** sum_a -w_a * sum_n logp_n / normaliser: advantage-weighted likelihood (KL form of Eq. 21, AWR, cloning). */
  | { kind: 'weighted'; weights: Float32Array; normaliser: number }
  /** Any objective computed in JS: gradient of the loss in each logprob, [N]. */
  | { kind: 'gradient'; gradient: Float32Array }

export interface PolicyStepResult {
  loss: number
  /** [N] log-probabilities before the step (temperature 1). */
  logprobs: NativeTensor
  /** [A] rho_a for 'regression', empty otherwise. */
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
   * packed: CPU, on a repacked copy of the weights; a sequence's bits never depend on its companions.
   * slots: on the weights as they are, on their device, with the memory of every slot allocated at the start.
   * auto (default): slots on a GPU; on the CPU packed up to a copy of 2 GiB, then slots.
   */
  decoder?: 'auto' | 'packed' | 'slots'
  /**
   * A sequence's bits never depend on its companions, and roles that score with `exact` give its log-probabilities
   * bit for bit. The packed decoder always does so; the slots decoder pays for it with speed. Default false.
   */
  exact?: boolean
  /**
   * slots decoder: most pictures of a sequence's sliding-window layers kept, so that sessions can go back to where
   * they branched; each takes the window's keys and values. Default: one for every slot.
   */
  snapshots?: number
}

export interface GeneratorStats {
  promptTokens: number
  reusedTokens: number
  sampledTokens: number
  /** Tokens computed by prefill passes and by decode steps; over the seconds below, the speed of either. */
  prefillTokens: number
  decodeTokens: number
  /** decodeTokens / (decodeSteps * slots) is the occupancy. */
  decodeSteps: number
  /** Decode steps replayed from a CUDA graph, and those launched operation by operation (slots decoder only). */
  graphSteps: number
  eagerSteps: number
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
  /** invalidate, and the memory of keys and values is given back until the next request. */
  suspend(): Promise<void>
  stats(): GeneratorStats
  dispose(): void
}

export interface NativeRole {
  readonly name: string
  logprobs(
    batch: PackedBatch,
    options: { temperature: number; entropy: boolean; chunk: number; exact?: Exact },
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
    options: { checkpoint: Checkpointing; chunk: number; exact?: Exact },
    cancel?: NativeCancelToken,
  ): Promise<PolicyStepResult>
  criticStep(
    batch: PackedBatch,
    spec: CriticStepSpec,
    options: { checkpoint: Checkpointing },
    cancel?: NativeCancelToken,
  ): Promise<{ loss: number; lossPerHead: number[]; scores: NativeTensor }>
  configureOptimizer(spec: AdamWSpec): void
  /** Clips by global norm (0 = off), applies AdamW with this learning rate, clears gradients. */
  optimizerStep(
    options: { lr: number; clipNorm: number },
    cancel?: NativeCancelToken,
  ): Promise<OptimizerStepResult>
  zeroGradients(): Promise<void>
  /** Steps whose gradients wait for optimizerStep; fewer than were taken after a failure that cost them. */
  accumulatedSteps(): Promise<number>
  /** Bytes of tensors a forward pass leaves for backward, logits aside, and the most it held; measured by running it. */
  activationMemory(
    batch: PackedBatch,
    options: { checkpoint: Checkpointing },
    cancel?: NativeCancelToken,
  ): Promise<{ held: number; peak: number }>
  /** Names, shapes and dtypes under Hugging Face names (LoRA: PEFT names; heads: heads.NAME.*). */
  parameters(): { name: string; shape: number[]; dtype: DType; trainable: boolean }[]
  /** A copy of a parameter or of its accumulated gradient, as float32. */
  parameter(name: string): Promise<NativeTensor>
  gradient(name: string): Promise<NativeTensor>
  /** Overwrites this role's trainable state with another's of the same structure. */
  copyFrom(other: NativeRole): Promise<void>
  /** Writes trainable state other than shared weights (adapters, heads), PEFT names, as safetensors. */
  saveAdapter(path: string, options?: AdapterFileOptions): Promise<void>
  loadAdapter(path: string, options?: AdapterFileOptions): Promise<void>
  /** Optimizer moments and step, as safetensors. */
  saveOptimizer(path: string): Promise<void>
  loadOptimizer(path: string): Promise<void>
  /**
   * The role's weights (own copy, or base; `merge` adds its adapters) under prefix + HF names, as the safetensors
   * files of a checkpoint, in a folder that exists.
   */
  saveWeights(
    folder: string,
    options: SaveWeightsOptions & { merge: boolean },
    cancel?: NativeCancelToken,
  ): Promise<void>
  generator(spec: GeneratorSpec): NativeGenerator
  dispose(): void
}

/** The text tensors of a checkpoint: every shard, the names' prefix, and names or prefixes to leave unread. */
export interface WeightFiles {
  files: string[]
  /** "model.", "language_model.model.", ... */
  prefix: string
  ignore: string[]
}

export interface SaveWeightsOptions {
  prefix: string
  /** A file that would grow larger is split; a single larger tensor has a file of its own. */
  maxShardBytes: number
  /** Of the text tensors; default: as they are. */
  dtype?: 'float32' | 'bfloat16'
  /** Tensors copied from files byte for byte: the vision part. */
  carried: { file: string; names: string[] }[]
}

export interface AdapterFileOptions {
  /** Default true. */
  adapters?: boolean
  /** Default true. */
  heads?: boolean
  /** Before "layers." in the adapters' names; default PEFT's for a text-only model. */
  prefix?: string
  /** Loading: alpha/rank the file was trained with; an error unless the role's is the same. */
  scale?: number
}

/** Counts the bytes of a load as they arrive. */
export interface NativeLoadProgress {
  readonly done: number
  /** 0 until the files have been checked. */
  readonly total: number
}

export interface NativeModel {
  readonly config: GemmaConfig
  readonly dtype: DType
  /** 'cpu' or 'cuda:N'. */
  readonly device: string
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
  /**
   * LibTorch's deterministic algorithms, for the whole process: with the same threads and device the same bits, or an
   * error from an operation that cannot. On CUDA set CUBLAS_WORKSPACE_CONFIG=:4096:8 before the first product.
   */
  setDeterministic(on: boolean): Promise<void>
  /** Statistics of a device's allocator; `resetPeak` forgets the peak after reading it. */
  memory(options: { device: string; resetPeak?: boolean }): Promise<NativeMemory>
  /** Gives memory that the allocator keeps for reuse back to the system. */
  emptyCache(device: string): Promise<void>
  /** From here on PyTorch's profiler counts: kernels where a GPU works, ATen operations on the CPU. One at a time. */
  profileStart(): Promise<void>
  /** Time by name since profileStart, callees of a CPU operation not counted twice; unordered. */
  profileStop(): Promise<{ name: string; seconds: number; calls: number }[]>
  /** Bytes of tensor memory that JS holds alive through ArrayBuffers. */
  externalBytes(): number
  CancelToken: new () => NativeCancelToken
  /** A tensor with storage of its own, zeroed, or copied from `data`. */
  createTensor(dtype: DType, shape: number[], data?: ArrayBufferView): NativeTensor
  /** A tensor over the caller's memory, not copied; the view stays alive until dispose. */
  borrowTensor(dtype: DType, shape: number[], data: ArrayBufferView): NativeTensor
  randomModel(
    config: GemmaConfig,
    options: { dtype: DType; seed: bigint; initStd: number; postNormGain: number; device?: string },
    cancel?: NativeCancelToken,
  ): Promise<NativeModel>
  /** Checks names, shapes and memory before it allocates; `bufferBytes` is the size of each of two buffers. */
  loadModel(
    config: GemmaConfig,
    options: WeightFiles & { dtype: DType; device?: string; bufferBytes?: number },
    cancel?: NativeCancelToken,
    progress?: NativeLoadProgress,
  ): Promise<NativeModel>
  LoadProgress: new () => NativeLoadProgress
  /** Every text tensor of a model under its name without prefix; nothing is allocated. */
  weightShapes(config: GemmaConfig): { name: string; shape: number[] }[]
  /** A checkpoint from files to files: renamed, converted, adapters merged, block by block. */
  exportWeights(
    config: GemmaConfig,
    options: {
      from: WeightFiles
      to: SaveWeightsOptions
      folder: string
      merged?: { file: string; prefix: string; scale: number }
    },
    cancel?: NativeCancelToken,
  ): Promise<void>
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
