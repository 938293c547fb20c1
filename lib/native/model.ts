/**
 * Gemma: the weights of one model, loaded or random, and the roles made from them.
 * Every verb runs on the engine thread, returns a promise and takes an AbortSignal.
 */
import { dispose } from './dispose-symbol.ts'
import { withCancel } from './cancel.ts'
import { type CheckpointSource, resolveCheckpoint } from './checkpoint.ts'
import type { SavedModel, SaveOptions } from './checkpoint-save.ts'
import { MiraNativeError } from './errors.ts'
import { checkGemmaConfig, type GemmaTokens } from './gemma-config.ts'
import { loadNative } from './loader.ts'
import { Role } from './role.ts'
import { type PeftAdapter, readPeft } from './peft.ts'
import type { GemmaConfig, NativeLoadProgress, NativeModel, RoleSpec } from './types.ts'

export { Role } from './role.ts'

type WeightDType = 'float32' | 'bfloat16'

/** Where a model's weights live. */
export type Device = 'cpu' | 'cuda' | `cuda:${number}`

export interface LoadOptions {
  /** Default float32. */
  dtype?: WeightDType
  /** Default 'cpu'. */
  device?: Device
  /** Size of each of the two buffers a load to a GPU, or into another dtype, goes through; see loadBufferBytes. */
  bufferBytes?: number
  /** Called a few times a second with the bytes read so far, and at the end. */
  onProgress?: (progress: { done: number; total: number }) => void
  signal?: AbortSignal
}

export interface RandomModelOptions {
  dtype?: WeightDType
  /** Default 'cpu'. */
  device?: Device
  seed?: number | bigint
  /** Standard deviation of every matrix. */
  initStd?: number
  /** Gain of the two post-norms at the start; small keeps the residual stream tame from scratch. */
  postNormGain?: number
  tokens?: GemmaTokens
  signal?: AbortSignal
}

const MIB = 1024 * 1024
const PROGRESS_MS = 200

/**
 * Bytes of one load buffer: MIRA_LOAD_BUFFER, else 256 MiB for a GPU, whose copies want long runs, and 16 MiB on
 * the CPU. @throws MiraNativeError
 */
export function loadBufferBytes(device: Device, env: NodeJS.ProcessEnv = process.env): number {
  const text = env.MIRA_LOAD_BUFFER
  if (text === undefined || text === '') return (device === 'cpu' ? 16 : 256) * MIB
  const bytes = Number(text)
  if (Number.isSafeInteger(bytes) && bytes >= 4096) return bytes
  throw new MiraNativeError(
    'ERR_INVALID_ARGUMENT',
    `MIRA_LOAD_BUFFER: expected a number of bytes from 4096 up, got '${text}'`,
  )
}

export class Gemma {
  readonly config: GemmaConfig
  readonly dtype: WeightDType
  readonly tokens: GemmaTokens
  /** Where the weights live: 'cpu' or 'cuda:N'. */
  readonly device: Device
  /** The folder the model was loaded from; absent for random weights. */
  readonly source: CheckpointSource | undefined
  readonly #native: NativeModel

  private constructor(native: NativeModel, tokens: GemmaTokens, source?: CheckpointSource) {
    this.#native = native
    this.device = native.device as Device
    this.source = source
    this.config = native.config
    this.dtype = native.dtype as WeightDType
    this.tokens = tokens
  }

  /**
   * Loads a folder in the Hugging Face layout, text-only or multimodal, single file or sharded.
   * @throws GemmaConfigError, CheckpointError, or a native error naming the file and tensor
   */
  static async load(dir: string, options: LoadOptions = {}): Promise<Gemma> {
    const addon = loadNative()
    const { dtype = 'float32', device = 'cpu', bufferBytes = loadBufferBytes(device) } = options
    const { config, tokens, files, prefix, ignore, source } = await resolveCheckpoint(addon, dir)
    const progress = new addon.LoadProgress()
    const native = await reporting(progress, options.onProgress, () =>
      withCancel(addon, options.signal, (cancel) =>
        addon.loadModel(config, { dtype, files, prefix, ignore, device, bufferBytes }, cancel, progress),
      ),
    )
    return new Gemma(native, tokens, source)
  }

  /** A model with random weights. */
  static async random(config: GemmaConfig, options: RandomModelOptions = {}): Promise<Gemma> {
    checkGemmaConfig(config)
    const addon = loadNative()
    const { dtype = 'float32', device = 'cpu', seed = 0, initStd = 0.02, postNormGain = 1 } = options
    const native = await withCancel(addon, options.signal, (cancel) =>
      addon.randomModel(config, { dtype, seed: BigInt(seed), initStd, postNormGain, device }, cancel),
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
    const { config, tokens, dtype, source } = this
    const model: SavedModel = { config, tokens, dtype, ...(source && { source }) }
    return new Role(native, { addon, ...model }, spec)
  }

  /** What an adapter in PEFT's layout is: the rank, alpha and targets of a role that can load it. */
  readAdapter(dir: string): Promise<PeftAdapter> {
    return readPeft(loadNative(), dir, this.config)
  }

  /** Writes the model's own weights as a checkpoint that Hugging Face reads; see Role.save. */
  async save(dir: string, options: SaveOptions = {}): Promise<void> {
    const view = await this.role({ name: 'save', kind: 'full', copy: false })
    try {
      await view.save(dir, options)
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

/** Reports while `load` runs. The timer alone keeps no process alive. */
async function reporting<T>(
  progress: NativeLoadProgress,
  report: LoadOptions['onProgress'],
  load: () => Promise<T>,
): Promise<T> {
  if (!report) return load()
  const tell = () => {
    const { done, total } = progress
    if (total > 0) report({ done, total })
  }
  const timer = setInterval(tell, PROGRESS_MS).unref()
  try {
    const result = await load()
    tell()
    return result
  } finally {
    clearInterval(timer)
  }
}
