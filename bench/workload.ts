/**
 * What is measured, as plain data that both sides read: the embedded model's shape and seeded token ids with the
 * lengths of embedded prompts. Measures nothing itself.
 */
import { seededRandom } from '../lib/learn/random.ts'
import type { GemmaConfig } from '../lib/native/types.ts'

/** The embedded policy (docs/architecture.md): about 1.1 million parameters. */
export const EMBEDDED_SHAPE: GemmaConfig = {
  vocab: 2048,
  hidden: 128,
  layers: 4,
  heads: 4,
  kvHeads: 1,
  headDim: 32,
  intermediate: 512,
  slidingWindow: 512,
  maxPositions: 2048,
  rmsEps: 1e-6,
  queryPreAttnScalar: 32,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, true, false, true],
}

/** Both sides compute with this many threads. */
export const THREADS = 2

export interface TrainingSequence {
  ids: number[]
  /** Tokens of the prompt; the rest is the action. */
  prompt: number
}

/** One agent episode: the task's head, a page per turn, the tokens that open the reply. */
export interface AgentEpisode {
  head: number[]
  pages: number[][]
  tail: number[]
}

export type Suite =
  | {
      kind: 'train'
      name: string
      /** action: loss on the action's tokens; all: on every token but the first. */
      loss: 'action' | 'all'
      warmup: number
      batches: TrainingSequence[][]
    }
  | { kind: 'prefill'; name: string; warmup: number; prompts: number[][] }
  | { kind: 'decode'; name: string; repeats: number; prompts: number[][]; newTokens: number }
  | { kind: 'turns'; name: string; warmup: number; episodes: AgentEpisode[]; newTokens: number }

/** What either side answers: one JSON line. */
export interface Measurement {
  suite: string
  /** Which of a side's ways to do it this was ("sdpa", "eager"). */
  variant: string
  /** Seconds of each measured repetition. */
  seconds: number[]
  /** Processor seconds of the same, over all threads: what the work costs whatever else the machine does. */
  cpuSeconds: number[]
  /** Units of work in each repetition: real tokens, generated tokens or turns. */
  units: number[]
  /** Peak resident memory of the process, VmHWM. */
  peakBytes: number
  /** Event-loop delay while it ran, milliseconds. */
  lag?: { p50: number; p99: number; max: number }
  /** Prompt tokens taken from a cache instead of computed. */
  reusedShare?: number
}

export const UNITS: Record<Suite['kind'], string> = {
  train: 'tokens/s',
  prefill: 'tokens/s',
  decode: 'tokens/s',
  turns: 'turns/s',
}

export function suites(seed = 1): Suite[] {
  const random = seededRandom(seed)
  const id = () => 8 + random.int(EMBEDDED_SHAPE.vocab - 8)
  const tokens = (count: number) => Array.from({ length: count }, id)
  const between = (low: number, high: number) => low + random.int(high - low + 1)
  const sequence = (): TrainingSequence => {
    const length = between(60, 150)
    return { ids: tokens(length), prompt: length - between(5, 9) }
  }
  const batches = Array.from({ length: 24 }, () => Array.from({ length: 16 }, sequence))
  const episode = (): AgentEpisode => ({
    head: tokens(between(16, 28)),
    pages: Array.from({ length: 8 }, () => tokens(between(40, 110))),
    tail: tokens(6),
  })
  return [
    { kind: 'train', name: 'training step, loss on actions', loss: 'action', warmup: 4, batches },
    { kind: 'train', name: 'training step, loss on all tokens', loss: 'all', warmup: 4, batches },
    ...[64, 128, 256, 512].map(
      (length): Suite => ({
        kind: 'prefill',
        name: `prefill, ${length} tokens`,
        warmup: 4,
        prompts: Array.from({ length: 24 }, () => tokens(length)),
      }),
    ),
    ...[1, 16].map(
      (batch): Suite => ({
        kind: 'decode',
        name: `decode, batch ${batch}`,
        repeats: 5,
        prompts: Array.from({ length: batch }, () => tokens(between(60, 100))),
        newTokens: 96,
      }),
    ),
    ...[1, 16].map(
      (batch): Suite => ({
        kind: 'turns',
        name: `agent turns, ${batch} ${batch === 1 ? 'episode' : 'episodes'} at once`,
        warmup: 1,
        episodes: Array.from({ length: batch }, episode),
        newTokens: 8,
      }),
    ),
  ]
}
