/**
 * Everything a training run says while it runs: one plain-data event per fact. The journal keeps them, the
 * terminal and embedding tools show them; nobody has to parse text. Numbers are finite or left out.
 */
import type { Split } from '../tasks/task.ts'

/** What is being done. Each begins with a `stage` event and ends with `stage-end`. */
export type Stage =
  | 'setup'
  | 'demonstrations'
  | 'imitation'
  | 'critic-rollouts'
  | 'critic-pretraining'
  | 'rollout'
  | 'replay'
  | 'critics'
  | 'actor'
  | 'validation'
  | 'test'
  | 'novel'
  | 'checkpoint'
  | 'report'

/** Success on one split under one policy. */
export interface Evaluation {
  split: Split
  episodes: number
  successes: number
  /** Tasks of several sites count under "cross-site". */
  sites: { site: string; episodes: number; successes: number }[]
  /** How episodes ended ("exit", "horizon", "stuck", "error"), counts. */
  ends: Record<string, number>
  /** Mean share of milestones reached, [0, 1]. */
  progress?: number
  seconds: number
}

export type TrainEvent =
  /** First event of a run and of every resumption. */
  | { type: 'run'; directory: string; seed: number; preset?: string; resumedAfterPhase?: number }
  | { type: 'stage'; stage: Stage; phase: number; total?: number; unit?: string }
  | { type: 'progress'; stage: Stage; phase: number; done: number; total: number; successes?: number }
  /** One optimizer step. */
  | {
      type: 'step'
      stage: 'imitation' | 'critic-pretraining' | 'critics' | 'actor'
      phase: number
      /** 1-based within the stage. */
      step: number
      total: number
      loss: number
      /** Global gradient norm before clipping. */
      gradNorm: number
      learningRate: number
      milliseconds: number
      tokensPerSecond: number
      /** Resident memory of the process, bytes. */
      memoryBytes: number
      /** Loss per head, mean log-ratios, entropy and the like. */
      metrics?: Record<string, number>
    }
  | { type: 'stage-end'; stage: Stage; phase: number; seconds: number; metrics?: Record<string, number> }
  | ({ type: 'evaluation'; phase: number } & Evaluation)
  /** A checkpoint is complete on disk; `path` is relative to the run directory. */
  | { type: 'checkpoint'; phase: number; path: string }
  /** The phase that validation prefers so far. */
  | { type: 'best'; phase: number; validation: number }
  | { type: 'warning'; phase: number; message: string }
  /** Stopped on request; `completedPhase` is what a resumption continues from, -1 = from the start. */
  | { type: 'interrupted'; phase: number; completedPhase: number }
  | { type: 'end'; bestPhase: number; seconds: number }

export type TrainEventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>

/** An event as the journal holds it. */
export type RecordedEvent = TrainEvent & {
  /** ISO 8601, UTC. */
  time: string
}

export interface PhaseResult {
  /** 0 = imitation. */
  phase: number
  test?: Evaluation
  validation?: Evaluation
  novel?: Evaluation
}

export interface TrainResult {
  outcome: 'completed' | 'interrupted'
  /** Absolute path of the run directory. */
  directory: string
  phases: PhaseResult[]
  /** Phase kept by validation; -1 when none was finished. */
  bestPhase: number
  /** Absolute path of the best checkpoint; null when none was written. */
  checkpoint: string | null
  seconds: number
}

/** The evaluations of a run by phase, ascending; a phase evaluated again replaces its earlier figures. */
export function phaseResults(events: Iterable<TrainEvent>): PhaseResult[] {
  const phases = new Map<number, PhaseResult>()
  for (const event of events) {
    if (event.type !== 'evaluation' || event.split === 'train') continue
    const { type: _, phase, ...evaluation } = event
    const result = phases.get(phase) ?? { phase }
    result[event.split] = evaluation
    phases.set(phase, result)
  }
  return [...phases.values()].sort((a, b) => a.phase - b.phase)
}
