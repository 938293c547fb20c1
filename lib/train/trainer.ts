/**
 * What every stage of a run shares: configuration, models, tasks, the agent, and the way to say what is going
 * on. Opened once, closed once; holds all native resources of a run.
 */
import { judgeByEvaluation } from '../agent/judge.ts'
import type { AgentSetup } from '../agent/play.ts'
import { agentSettings } from '../agent/settings.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import { oracleChecker } from '../milestones/oracle.ts'
import { loadNative } from '../native/loader.ts'
import type { Device, Gemma, Role } from '../native/model.ts'
import type { Exact } from '../native/types.ts'
import { longestSequence, slotsOf } from '../plan/settings.ts'
import type { PlanReport } from '../plan/text.ts'
import type { RunDirectory } from '../run/directory.ts'
import type { Stage, TrainEvent } from '../run/events.ts'
import { embeddedBackend } from '../sites/backend.ts'
import { embeddedWeb } from '../sites/embedded.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import { inProcessDriver } from '../web/in-process.ts'
import type { Critics } from './critics.ts'
import { resolveDevice } from './device.ts'
import { GenerationPolicy } from './generation.ts'
import { checkedPlan } from './memory-plan.ts'
import { checkTokenizer, EMBEDDED_TOKENIZER } from './model-shape.ts'
import { HalvingMemory } from './pass-memory.ts'
import { loadRole } from './role-files.ts'
import { makeActor, optimizerSpec } from './roles.ts'
import type { ScoringOptions } from './scoring.ts'
import type { StepFigures } from './step-figures.ts'
import { Suites } from './suites.ts'
import { loadModel, randomModel, weightsFolder } from './weights.ts'

export interface TrainerOptions {
  /** Where a run is kept; an evaluation keeps nothing. */
  run?: RunDirectory
  onEvent: (event: TrainEvent) => void
  signal?: AbortSignal
  /** Start from this checkpoint instead of what the configuration names. */
  checkpoint?: string
}

export class Trainer {
  readonly config: Config
  readonly signal: AbortSignal | undefined
  readonly tokenizer: Tokenizer
  readonly suites: Suites
  /** "cpu" or "cuda:N". */
  readonly device: Device
  readonly model: Gemma
  readonly actor: Role
  readonly generation: GenerationPolicy
  readonly agent: AgentSetup
  /** What passes do that do not fit in memory. */
  readonly memory: HalvingMemory
  /** Present once critics exist (imitation needs none). */
  critics: Critics | undefined
  readonly #run: RunDirectory | undefined
  readonly #onEvent: (event: TrainEvent) => void
  readonly #owned: { dispose(): void }[] = []
  #phase = 0

  private constructor(config: Config, options: TrainerOptions, parts: Parts) {
    this.config = config
    this.#run = options.run
    this.signal = options.signal
    this.#onEvent = options.onEvent
    this.tokenizer = parts.tokenizer
    this.suites = new Suites(embeddedWeb, config)
    this.device = parts.device
    this.model = parts.model
    this.actor = parts.actor
    this.#owned.push(parts.actor, parts.model)
    this.generation = new GenerationPolicy(
      () =>
        parts.actor.generator({
          slots: slotsOf(config),
          ...(config.generation.snapshots === null ? {} : { snapshots: config.generation.snapshots }),
          maxLength: longestSequence(config),
          prefillChunk: config.generation.prefillChunk,
          decoder: config.generation.decoder,
          exact: config.run.exact,
          maxQueued: config.generation.maxQueued,
          whenFull: 'wait',
        }),
      parts.tokenizer,
      config.agent.maxActionTokens,
    )
    const addon = loadNative()
    this.memory = new HalvingMemory(
      {
        memory: () => addon.memory({ device: parts.device }),
        release: () => addon.emptyCache(parts.device),
        held: () => ({ cache: this.generation.cacheBytes, external: addon.externalBytes() }),
      },
      parts.plan?.plan,
      (message) => this.warn(message),
    )
    this.agent = {
      driver: inProcessDriver(embeddedBackend(embeddedWeb)),
      policy: this.generation,
      tokenizer: parts.tokenizer,
      checker: oracleChecker(embeddedWeb),
      judge: judgeByEvaluation,
      ...agentSettings(config),
    }
    this.actor.configureOptimizer(optimizerSpec(config, config.policy.adamW))
  }

  /**
   * Loads or makes what the configuration names, or what `checkpoint` holds.
   * @throws PlanError when the run does not fit in memory, ConfigError, and what loading throws
   */
  static async open(config: Config, options: TrainerOptions): Promise<Trainer> {
    const { checkpoint, signal } = options
    const addon = loadNative()
    const device = resolveDevice(config.model.device, addon.info())
    const folder = weightsFolder(config, checkpoint)
    if (folder === undefined && config.model.published !== null) {
      throw new ConfigError(
        `model.path: expected the folder of a Gemma3 ${config.model.published} checkpoint, received nothing; ` +
          'give it with --set model.path=DIR',
      )
    }
    const plan = options.run ? await checkedPlan(config, device) : undefined
    // A checkpoint first: when the folder is wrong, that is what to say, not that it lacks a tokenizer.
    const loaded = folder === undefined ? undefined : await loadModel(config, folder, device, signal)
    const tokenizer = Tokenizer.load(config.tokenizer.path ?? folder ?? EMBEDDED_TOKENIZER)
    const model = loaded ?? (await randomModel(config, tokenizer, device, options))
    checkTokenizer(tokenizer, model.config)
    const actor = await makeActor(model, config)
    if (checkpoint !== undefined) {
      await loadRole(actor, checkpoint, { kind: config.training.mode, heads: false })
    }
    const trainer = new Trainer(config, options, { tokenizer, device, model, actor, plan })
    if (plan && !plan.fits) trainer.warn(`${plan.title}: does not fit, started because of run.skipPlan`)
    return trainer
  }

  /** A model of this run's dtype on its device. */
  load(folder: string): Promise<Gemma> {
    return loadModel(this.config, folder, this.device, this.signal)
  }

  /** Gives every critic the optimizer that the configuration asks for; moments that exist stay. */
  configureOptimizers(critics: Critics): void {
    for (const role of critics.roles) {
      role.configureOptimizer(optimizerSpec(this.config, this.config.critics.adamW))
    }
  }

  /** Whose bits log-probabilities have: the training pass's own, or the sampler's. */
  get exact(): Exact {
    const { run, generation } = this.config
    return run.exact && generation.decoder !== 'auto' ? generation.decoder : run.exact
  }

  /** How passes without gradients are made. */
  scoring(): ScoringOptions {
    const { policy, training } = this.config
    return {
      maxTokens: policy.maxTokens,
      packPrefixes: training.packPrefixes,
      chunk: training.logitsChunk,
      exact: this.exact,
      memory: this.memory,
      ...(this.signal ? { signal: this.signal } : {}),
    }
  }

  /** The run's directory. @throws Error for a trainer opened without one */
  get run(): RunDirectory {
    if (!this.#run) throw new Error('this trainer only evaluates; it was opened without a run directory')
    return this.#run
  }

  /** Says something that a person should know about the phase under way. */
  warn(message: string): void {
    this.emit({ type: 'warning', phase: this.#phase, message })
  }

  emit(event: TrainEvent): void {
    this.#run?.record(event)
    this.#onEvent(event)
  }

  /** Runs one stage between its two events. */
  async stage<T>(
    stage: Stage,
    phase: number,
    size: { total?: number; unit?: string },
    work: () => Promise<{ result: T; metrics?: Record<string, number> }>,
  ): Promise<T> {
    this.signal?.throwIfAborted()
    this.#phase = phase
    const started = performance.now()
    this.emit({ type: 'stage', stage, phase, ...size })
    const { result, metrics } = await work()
    const seconds = (performance.now() - started) / 1000
    this.emit({ type: 'stage-end', stage, phase, seconds, ...(metrics ? { metrics: finite(metrics) } : {}) })
    return result
  }

  /** Reports an optimizer step. */
  step(
    stage: 'imitation' | 'critic-pretraining' | 'critics' | 'actor',
    phase: number,
    figures: StepFigures,
    metrics?: Record<string, number>,
  ): void {
    this.emit({
      type: 'step',
      stage,
      phase,
      step: figures.step,
      total: figures.total,
      loss: figures.loss,
      gradNorm: figures.gradNorm,
      learningRate: figures.lr,
      milliseconds: figures.seconds * 1000,
      tokensPerSecond: figures.tokens / figures.seconds,
      memoryBytes: process.memoryUsage.rss(),
      ...(metrics ? { metrics: finite(metrics) } : {}),
    })
  }

  /** Hands a native resource over to be freed with the trainer. */
  own<T extends { dispose(): void }>(resource: T): T {
    this.#owned.unshift(resource)
    return resource
  }

  async close(): Promise<void> {
    await this.agent.driver.close()
    this.generation.close()
    for (const resource of this.#owned.splice(0)) resource.dispose()
  }
}

interface Parts {
  tokenizer: Tokenizer
  device: Device
  model: Gemma
  actor: Role
  plan: PlanReport | undefined
}

/** Events carry finite numbers or none. */
function finite(metrics: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)))
}
