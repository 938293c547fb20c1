/**
 * mira's public surface: what tools that embed the trainer import, and nothing else. Nothing here prints, reads
 * the command line or ends the process.
 */

// Configuration and runs
export { ConfigError } from './config/errors.ts'
export { type ConfigSources, configToYaml, defineConfig, loadConfig } from './config/load.ts'
export { PRESET_NAMES, type PresetName } from './config/presets.ts'
export type { Config, ConfigInput } from './config/schema.ts'
export { RunDirectory } from './run/directory.ts'
export type { Evaluation, PhaseResult, Stage, TrainEvent, TrainResult } from './run/events.ts'
export { readEpisodes, readEvents } from './run/read.ts'
export { type EvaluateOptions, evaluate, type TrainOptions, train } from './train/conductor.ts'
export { OutOfMemoryError } from './train/pass-memory.ts'
export { writeReport } from './report/build.ts'

// Memory, before anything is loaded
export { type Available, PlanError, planHere, planRun } from './train/memory-plan.ts'
export { type Holder, type MemoryPlan, memoryPlan, type PlanInput } from './plan/plan.ts'
export { publishedShape } from './plan/published.ts'
export { type PlanReport, planText } from './plan/text.ts'
export type { Suggestion } from './plan/fit.ts'

// The native model
export { Gemma, Role } from './native/model.ts'
export { Generator } from './native/generator.ts'
export { exportAdapter } from './export/adapter.ts'
export { exportCheckpoint } from './export/checkpoint.ts'
export { Tensor } from './native/tensor.ts'
export { MiraNativeError } from './native/errors.ts'
export type { GemmaConfig, GenerateResult, Objective, PackedBatch } from './native/types.ts'
export { Tokenizer } from './tokenizer/tokenizer.ts'

// Tasks, web and agent
export type { Task } from './tasks/task.ts'
export { evaluate as evaluateTask } from './tasks/evaluate.ts'
export { embeddedWeb } from './sites/embedded.ts'
export { embeddedBackend } from './sites/backend.ts'
export { buildSuite } from './sites/suite.ts'
export { inProcessDriver } from './web/in-process.ts'
export { type ChromiumDriverOptions, chromiumDriver } from './web/chromium/driver.ts'
export { DeadlineError, EnvironmentError } from './web/errors.ts'
export type { Suite } from './suites/suite.ts'
export { openWebArenaLite, openWebRl } from './suites/webarena-suite.ts'
export { openMiniwob } from './suites/miniwob/suite.ts'
export { evaluateSuite } from './evaluation/evaluate.ts'
export { rescoreEvaluation } from './evaluation/rescore.ts'
export type { EvaluationResult } from './evaluation/result.ts'
export { formatAction, parseAction } from './web/grammar.ts'
export type { Action } from './web/action.ts'
export type { Observation } from './web/observation.ts'
export type { Driver, Session } from './web/session.ts'
export { type AgentSetup, playEpisode } from './agent/play.ts'
export { NativePolicy, type Policy } from './agent/policy.ts'
export type { TextPolicy } from './agent/text-policy.ts'
export { actingPrompt, type PromptedOptions, promptedPolicy } from './agent/prompted.ts'
export type { Guidance, Guide, PlanStep } from './agent/guide.ts'
export { rollout } from './agent/rollout.ts'
export type { Episode } from './agent/episode.ts'
export type { Step } from './agent/step.ts'
export type { MilestoneChecker } from './milestones/checker.ts'
export { modelChecker } from './milestones/model-checker.ts'
export { modelGenerator, type SubgoalGenerator } from './milestones/generator.ts'
export { modelAssessor, modelPlanner, modelRater, sgoPrompts } from './agent/sgo-model.ts'
export { type Planner, type Rater, sgo, type SgoOptions } from './agent/sgo.ts'
export { analyseFailures, diagnose } from './analysis/failures/analyse.ts'
export type { Diagnosis, FailureClass } from './analysis/failures/diagnosis.ts'

// Language models
export { LanguageModelError } from './llm/errors.ts'
export type { LanguageModel, ModelReply, ModelRequest } from './llm/model.ts'
export { LanguageModels, languageModel } from './llm/models.ts'
export { askFor } from './llm/structured.ts'

// The mathematics of MiRA
export { progressLabels } from './learn/labels.ts'
export { shapedRewards } from './learn/shaping.ts'
export { discountedReturns } from './learn/returns.ts'
export { shapedAdvantages } from './learn/advantage.ts'
export { regressionObjective } from './learn/objectives.ts'
