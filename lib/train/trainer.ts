/**
 * What every stage of a run shares: configuration, models, tasks, the agent, and the way to say what is going
 * on. Opened once, closed once; holds all native resources of a run.
 */
import { fileURLToPath } from 'node:url'
import { judgeByEvaluation } from '../agent/judge.ts'
import type { AgentSetup } from '../agent/play.ts'
import { NativePolicy } from '../agent/policy.ts'
import type { Config } from '../config/schema.ts'
import { oracleChecker } from '../milestones/oracle.ts'
import type { Generator } from '../native/generator.ts'
import { Gemma, type Role } from '../native/model.ts'
import type { RunDirectory } from '../run/directory.ts'
import type { Stage, TrainEvent } from '../run/events.ts'
import { embeddedBackend } from '../sites/backend.ts'
import { embeddedWeb } from '../sites/embedded.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import { inProcessDriver } from '../web/in-process.ts'
import { checkTokenizer, gemmaShape } from './model-shape.ts'
import type { StepFigures } from './step-figures.ts'
import { Suites } from './suites.ts'

/** The tokenizer of the embedded suite, kept in the package. */
export const EMBEDDED_TOKENIZER = fileURLToPath(new URL('../tokenizer/embedded', import.meta.url))

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
  readonly model: Gemma
  readonly actor: Role
  readonly generator: Generator
  readonly agent: AgentSetup
  /** Present once critics exist (imitation needs none). */
  critic: Role | undefined
  readonly #run: RunDirectory | undefined
  readonly #onEvent: (event: TrainEvent) => void
  readonly #owned: { dispose(): void }[] = []

  private constructor(config: Config, options: TrainerOptions, parts: Parts) {
    this.config = config
    this.#run = options.run
    this.signal = options.signal
    this.#onEvent = options.onEvent
    this.tokenizer = parts.tokenizer
    this.suites = new Suites(embeddedWeb, config)
    this.model = parts.model
    this.actor = parts.actor
    this.generator = parts.generator
    this.#owned.push(parts.generator, parts.actor, parts.model)
    this.agent = {
      driver: inProcessDriver(embeddedBackend(embeddedWeb)),
      policy: new NativePolicy(parts.generator, parts.tokenizer, config.agent.maxActionTokens),
      tokenizer: parts.tokenizer,
      checker: oracleChecker(embeddedWeb),
      judge: judgeByEvaluation,
      addressing: config.agent.addressing,
      prompt: { style: config.agent.promptStyle, maxPromptTokens: config.agent.maxPromptTokens },
      limits: { horizon: config.agent.horizon, stuckRepeats: config.agent.stuckRepeats },
    }
  }

  static async open(config: Config, options: TrainerOptions): Promise<Trainer> {
    const checkpoint = options.checkpoint ?? config.model.checkpoint
    const signal = options.signal ? { signal: options.signal } : {}
    // A checkpoint first: when the folder is wrong, that is what to say, not that it lacks a tokenizer.
    const loaded = checkpoint
      ? await Gemma.load(checkpoint, { dtype: config.model.dtype, ...signal })
      : undefined
    const tokenizer = Tokenizer.load(config.tokenizer.path ?? checkpoint ?? EMBEDDED_TOKENIZER)
    const model =
      loaded ??
      (await Gemma.random(gemmaShape(config, tokenizer), {
        dtype: config.model.dtype,
        seed: BigInt(config.run.seed),
        initStd: config.model.architecture.initStd,
        postNormGain: config.model.architecture.postNormGain,
        ...signal,
      }))
    checkTokenizer(tokenizer, model.config)
    const actor = await model.role({ name: 'actor', kind: 'full', copy: false })
    const { maxPromptTokens, maxActionTokens, concurrency } = config.agent
    const generator = actor.generator({ slots: concurrency, maxLength: maxPromptTokens + maxActionTokens })
    return new Trainer(config, options, { tokenizer, model, actor, generator })
  }

  /** The run's directory. @throws Error for a trainer opened without one */
  get run(): RunDirectory {
    if (!this.#run) throw new Error('this trainer only evaluates; it was opened without a run directory')
    return this.#run
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
    for (const resource of this.#owned.splice(0)) resource.dispose()
  }
}

interface Parts {
  tokenizer: Tokenizer
  model: Gemma
  actor: Role
  generator: Generator
}

/** Events carry finite numbers or none. */
function finite(metrics: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)))
}
