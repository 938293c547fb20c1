/**
 * What the GPU path promises for Gemma3-12B on one H200, and whether a run's entries keep it. A figure from another
 * card, another shape or fewer layers decides nothing: such targets are "unmeasured".
 */
import { NAMES } from './jobs.ts'
import type { Entry } from './record.ts'

type Verdict = 'met' | 'missed' | 'unmeasured'

export interface Target {
  text: string
  /** Name of the measurement. */
  name: string
  figure: string
  /** ratio: ours over HF's figure of the same name. */
  of: 'mira' | 'ratio'
  holds: (value: number) => boolean
  bound: string
}

export interface Outcome {
  target: Target
  verdict: Verdict
  value?: number
}

const atLeast = (bound: number) => ({
  holds: (value: number) => value >= bound,
  bound: `at least ${bound.toLocaleString('en')}`,
})
const below = (bound: number, words: string) => ({ holds: (value: number) => value < bound, bound: words })

const rate = (text: string, name: string, bound: number): Target => ({
  text: `${text}, tokens/s`,
  name,
  figure: 'tokensPerSecond',
  of: 'mira',
  ...atLeast(bound),
})
const ratio = (text: string, name: string, bound: number): Target => ({
  text,
  name,
  figure: 'tokensPerSecond',
  of: 'ratio',
  ...atLeast(bound),
})

export const TARGETS: readonly Target[] = [
  rate('full fine-tuning, 4k', NAMES.train('full', 4096), 6100),
  ratio('full fine-tuning, 4k, beside HF', NAMES.train('full', 4096), 1.2),
  rate('LoRA r16, 4k', NAMES.train('lora', 4096), 9000),
  ratio('LoRA r16, 4k, beside HF + PEFT', NAMES.train('lora', 4096), 1.3),
  rate('prefill, 8k', NAMES.prefill(8192), 23_000),
  rate('decode, batch 1 at 8k', NAMES.decode(1, 8192), 140),
  rate('decode, batch 32 at 8k', NAMES.decode(32, 8192), 2000),
  rate('decode, batch 64 at 8k', NAMES.decode(64, 8192), 2700),
  ratio('decode, batch 32 at 8k, beside HF generate', NAMES.decode(32, 8192), 5),
  {
    text: 'mean mismatch KL of sampler and trainer, nats per token',
    name: NAMES.mismatch,
    figure: 'kl',
    of: 'mira',
    ...below(1e-4, 'below 1e-4'),
  },
  {
    text: 'the same in exact mode, largest difference of a log-probability',
    name: NAMES.mismatchExact,
    figure: 'largestDifference',
    of: 'mira',
    holds: (value) => value === 0,
    bound: 'exactly 0',
  },
  {
    text: 'weight sync after an update, s',
    name: NAMES.sync,
    figure: 'syncSeconds',
    of: 'mira',
    // Copying 12B within the device takes 11 ms at 4.3 TB/s: anything below cannot have copied them.
    ...below(0.005, '0 (below 0.005: nothing copied)'),
  },
  {
    text: 'peak logits memory at 16k, GiB',
    name: NAMES.logits(16384),
    figure: 'logitsGiB',
    of: 'mira',
    ...below(0.5, 'below 0.5'),
  },
]

/** `comparable`: whether this run is of the shape and the card the targets are stated for. */
export function judge(entries: readonly Entry[], comparable: boolean): Outcome[] {
  return TARGETS.map((target) => {
    const figureOf = (side: 'mira' | 'hf') => {
      const found = entries.find((e) => e.stage === 'bench' && e.side === side && e.name === target.name)
      return found?.failed === undefined ? found?.figures[target.figure] : undefined
    }
    const mine = figureOf('mira')
    const theirs = target.of === 'ratio' ? figureOf('hf') : 1
    if (!comparable || mine === undefined || theirs === undefined) return { target, verdict: 'unmeasured' }
    const value = mine / theirs
    return { target, value, verdict: target.holds(value) ? 'met' : 'missed' }
  })
}
