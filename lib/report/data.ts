/**
 * Everything the report page shows, as plain data: the page draws it and adds nothing.
 * Built from a run directory in build.ts; any other source that fills this type gets the same page.
 */
import type { PlanStep } from '../agent/guide.ts'
import type { Calibration } from '../analysis/calibration.ts'
import type { FailureClass } from '../analysis/failures/diagnosis.ts'
import type { FailureDistribution } from '../analysis/failures/distribution.ts'
import type { HeatMap } from '../analysis/heatmap.ts'
import type { Rate } from '../analysis/interval.ts'
import type { MilestoneStudy } from '../analysis/validation-study.ts'
import type { EvaluationResult } from '../evaluation/result.ts'
import type { StepLearning } from '../learn/trace.ts'
import type { Split } from '../tasks/task.ts'

export interface ReportData {
  run: RunFacts
  /** Ascending in phase; phase 0 is the imitation policy. */
  phases: PhaseReport[]
  /** Phase kept by validation, when one was chosen. */
  bestPhase?: number
  heatMaps: { phase: number; map: HeatMap }[]
  training: TrainingPanel[]
  /** V against the outcome of the episode, per phase with critics. */
  valueCalibration: { phase: number; calibration: Calibration }[]
  /** P against the progress label of successful episodes. */
  potentialCalibration: { phase: number; calibration: Calibration }[]
  episodes: SampleEpisode[]
  /** Episodes of the run the sample was drawn from. */
  episodesInRun: number
  /** What `mira analyze` found, once it has been run. */
  failures?: FailureDistribution
  /** How well milestones predict success, where it was validated. */
  subgoals?: MilestoneStudy
}

export interface RunFacts {
  /** Name of the run directory. */
  name: string
  preset?: string
  seed?: number
  /** ISO 8601. */
  startedAt?: string
  seconds?: number
  /** Further facts in reading order: label and value. */
  facts: [label: string, value: string][]
}

export interface PhaseReport {
  phase: number
  /** Held-out parameters. */
  test?: Rate
  validation?: Rate
  /** Held-out templates. */
  novel?: Rate
  /** Sampled episodes that this phase learned from; resampled towards failures, so not a learning curve. */
  rollout?: Rate
  /** Test split by site; cross-site tasks under "cross-site". */
  sites: { site: string; rate: Rate }[]
}

export interface TrainingPanel {
  /** "Imitation", "Critics", "Actor". */
  title: string
  /** What is plotted, with its unit. */
  label: string
  /** Values cannot be negative or zero and span decades: draw them on a logarithmic axis. */
  logarithmic?: boolean
  series: Series[]
}

export interface Series {
  name: string
  /** [N] of optimizer step and value, ascending in step. */
  points: { step: number; value: number }[]
}

export interface SampleEpisode {
  id: string
  phase: number
  /** Takes the place of the phase's name where `phase` is no phase ("attempt 2"). */
  played?: string
  split: Split | 'unknown'
  site: string
  template: string
  intent: string
  success: boolean
  end: string
  answer?: string
  /** One line per check of the evaluator. */
  details: string[]
  milestones: string[]
  steps: SampleStep[]
  /** Of a failure that was analysed. */
  failure?: {
    class: FailureClass
    /** From 1; null where none could be named. */
    keyStep: number | null
    summary: string
  }
}

export interface SampleStep {
  url: string
  /** Observation the action was chosen on, cut to a readable length. */
  page: string
  action: string
  error?: string
  /** Milestones complete after this step, by index, monotone. */
  reached: number[]
  /** Behaviour log-probability of the whole action. */
  logprob: number
  learning?: StepLearning
  /** Of a prompted agent: what it wrote, reasoning included, cut to a readable length. */
  reply?: string
  /** Of a guided agent: what was believed before this action. */
  plan?: Pick<PlanStep, 'milestones' | 'z' | 'target' | 'next' | 'note'>
}

/** What the page of an evaluation shows. */
export interface EvaluationReport {
  name: string
  result: EvaluationResult
  /** A sample, attempts in place of phases. */
  episodes: SampleEpisode[]
  episodesInRun: number
  /** What `mira analyze` found, once it has been run. */
  failures?: FailureDistribution
  subgoals?: MilestoneStudy
}
