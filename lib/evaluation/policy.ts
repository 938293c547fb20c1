/**
 * Who plays an evaluation: the native Gemma3 of a Hugging Face folder or of a run's phase, a prompted language model, or
 * a module of the user that answers prompts itself. Opened once, closed once.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Policy } from '../agent/policy.ts'
import type { TextPolicy } from '../agent/text-policy.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import type { LanguageModels } from '../llm/models.ts'
import { PROVIDERS, parseSpec } from '../llm/spec.ts'
import { loadNative } from '../native/loader.ts'
import { longestSequence, slotsOf } from '../plan/settings.ts'
import { readRun } from '../run/directory.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import { setDeterministic } from '../train/determinism.ts'
import { resolveDevice } from '../train/device.ts'
import { GenerationPolicy } from '../train/generation.ts'
import { checkTokenizer, EMBEDDED_TOKENIZER } from '../train/model-shape.ts'
import { loadRole } from '../train/role-files.ts'
import { makeActor } from '../train/roles.ts'
import { setThreads } from '../train/threads.ts'
import { loadModel, weightsFolder } from '../train/weights.ts'
import { openPrompted } from './guide.ts'

export type ModelSource =
  | { kind: 'checkpoint'; path: string }
  /** `config` is the run's own. */
  | { kind: 'run'; path: string; phase: number; config: Config }
  | { kind: 'script'; path: string }
  /** `path` is the model's spec: "gemini:NAME", "openai:NAME@http://HOST/v1". */
  | { kind: 'prompted'; path: string }

export interface OpenPolicy {
  policy: Policy | TextPolicy
  tokenizer: Tokenizer
  close(): void
}

/** What a policy module exports as `createPolicy`. */
export type CreatePolicy = (options: {
  tokenizer: Tokenizer
  config: Config
}) => Policy | TextPolicy | Promise<Policy | TextPolicy>

const SPEC = new RegExp(`^(${PROVIDERS.join('|')}):.`)

/**
 * What a name means: a language model by its spec, or what stands in a folder, a run (the phase wanted, by default its
 * best) or a checkpoint in Hugging Face layout.
 * @throws ConfigError when it is neither, LanguageModelError for a wrong spec
 */
export async function findModel(directory: string, wanted = 'best'): Promise<ModelSource> {
  if (SPEC.test(directory)) {
    parseSpec(directory)
    return { kind: 'prompted', path: directory }
  }
  const path = resolve(directory)
  if (existsSync(join(path, 'state.json')) && existsSync(join(path, 'config.yaml'))) {
    const run = await readRun(path)
    const { best, completedPhase } = run.state
    if (completedPhase < 0) {
      throw new ConfigError(`--model: expected a run with a checkpoint, ${directory} has none yet`)
    }
    const phase = wanted === 'best' ? (best?.phase ?? completedPhase) : Number(wanted)
    if (!(Number.isInteger(phase) && phase >= 0 && phase <= completedPhase)) {
      throw new ConfigError(
        `--phase: expected "best" or a complete phase of the run, 0 to ${completedPhase}, received "${wanted}"`,
      )
    }
    return { kind: 'run', path: run.path, phase, config: run.config }
  }
  if (existsSync(join(path, 'config.json'))) return { kind: 'checkpoint', path }
  throw new ConfigError(
    `--model: expected a run directory (config.yaml, state.json), a folder in Hugging Face layout (config.json) or a language model (gemini:NAME), ${directory} is none of them`,
  )
}

export async function openPolicy(
  source: ModelSource,
  config: Config,
  { models, signal }: { models: LanguageModels; signal?: AbortSignal },
): Promise<OpenPolicy> {
  switch (source.kind) {
    case 'script':
      return openScript(source.path, config)
    case 'prompted': {
      const tokenizer = Tokenizer.load(config.tokenizer.path ?? EMBEDDED_TOKENIZER)
      return { policy: openPrompted(config, models, source.path), tokenizer, close: () => {} }
    }
    default:
      return openNative(source, config, signal)
  }
}

async function openNative(
  source: ModelSource & { kind: 'checkpoint' | 'run' },
  config: Config,
  signal?: AbortSignal,
): Promise<OpenPolicy> {
  await setThreads(config.run.threads)
  await setDeterministic(config.run.exact)
  const device = resolveDevice(config.model.device, loadNative().info())
  const checkpoint =
    source.kind === 'run' ? join(source.path, 'checkpoints', `phase-${source.phase}`) : undefined
  const folder = weightsFolder(config, checkpoint)
  if (folder === undefined)
    throw new ConfigError('model.path: expected the folder of a model, received nothing')
  const model = await loadModel(config, folder, device, signal)
  try {
    const tokenizer = Tokenizer.load(config.tokenizer.path ?? folder)
    checkTokenizer(tokenizer, model.config)
    const longest = longestSequence(config)
    if (longest > model.config.maxPositions) {
      throw new ConfigError(
        `agent.maxPromptTokens: expected at most ${model.config.maxPositions - config.agent.maxActionTokens}, what ${folder} has positions for next to an action, received ${config.agent.maxPromptTokens}`,
      )
    }
    const actor = await makeActor(model, config)
    if (checkpoint !== undefined) {
      await loadRole(actor, checkpoint, { kind: config.training.mode, heads: false })
    }
    const { generation, run, agent } = config
    const policy = new GenerationPolicy(
      () =>
        actor.generator({
          slots: slotsOf(config),
          ...(generation.snapshots === null ? {} : { snapshots: generation.snapshots }),
          maxLength: longest,
          prefillChunk: generation.prefillChunk,
          decoder: generation.decoder,
          exact: run.exact,
          maxQueued: generation.maxQueued,
          whenFull: 'wait',
        }),
      tokenizer,
      agent.maxActionTokens,
    )
    return {
      policy,
      tokenizer,
      close() {
        policy.close()
        actor.dispose()
        model.dispose()
      },
    }
  } catch (error) {
    model.dispose()
    throw error
  }
}

async function openScript(path: string, config: Config): Promise<OpenPolicy> {
  const loaded = (await import(pathToFileURL(resolve(path)).href).catch((cause: unknown) => {
    throw new ConfigError(`--policy: expected a module, ${path} cannot be loaded (${String(cause)})`, {
      cause,
    })
  })) as { createPolicy?: CreatePolicy }
  if (typeof loaded.createPolicy !== 'function') {
    throw new ConfigError(
      `--policy: expected a module that exports createPolicy({ tokenizer, config }), ${path} exports ${Object.keys(loaded).join(', ') || 'nothing'}`,
    )
  }
  const tokenizer = Tokenizer.load(config.tokenizer.path ?? EMBEDDED_TOKENIZER)
  const policy = await loaded.createPolicy({ tokenizer, config })
  return { policy, tokenizer, close: () => {} }
}
