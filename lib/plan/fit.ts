/**
 * Which settings would fit when the configured ones do not: tries every combination of a few steps per setting and
 * keeps those that cost least. The costs order how much a run suffers; they are no measurements.
 */
import type { Config } from '../config/schema.ts'
import type { GemmaConfig } from '../native/types.ts'
import { memoryPlan } from './plan.ts'
import { longestSequence, planInput, slotsOf } from './settings.ts'

export interface Suggestion {
  /** `key.path=value` each, for --set. */
  set: string[]
  /** Bytes at the peak with these settings. */
  peak: number
}

interface Step {
  set: string[]
  cost: number
  apply(config: Config): void
}

/** Alternatives at most. */
const LIMIT = 3
/** From most bytes to fewest. */
const STATES = ['float32', 'split', 'stochastic', 'int8'] as const
const CHECKPOINTING = ['none', 'selective', 'full'] as const

/** The cheapest sets of changes that fit, none containing another; empty when nothing does. */
export function suggestions(
  config: Config,
  model: GemmaConfig,
  device: 'cpu' | 'cuda',
  available: number,
): Suggestion[] {
  const dimensions = [
    checkpointingSteps(config),
    tokenSteps(config),
    slotSteps(config),
    stateSteps(config),
    rankSteps(config),
    modeSteps(config),
    dtypeSteps(config),
  ].map((steps) => [undefined, ...steps])
  const found: { suggestion: Suggestion; cost: number; keys: Set<string> }[] = []
  for (const steps of combinations(dimensions)) {
    const changed = structuredClone(config)
    for (const step of steps) step.apply(changed)
    const { peak } = memoryPlan(planInput(changed, model, device))
    if (peak > available) continue
    const set = steps.flatMap((step) => step.set)
    const cost = steps.reduce((sum, step) => sum + step.cost, 0)
    found.push({
      suggestion: { set, peak },
      cost,
      keys: new Set(set.map((line) => line.split('=')[0] as string)),
    })
  }
  const kept: typeof found = []
  for (const candidate of found.sort((a, b) => a.cost - b.cost || b.suggestion.peak - a.suggestion.peak)) {
    if (kept.length === LIMIT) break
    if (!kept.some(({ keys }) => [...keys].every((key) => candidate.keys.has(key)))) kept.push(candidate)
  }
  return kept.map(({ suggestion }) => suggestion)
}

function* combinations(dimensions: (Step | undefined)[][]): Generator<Step[]> {
  const [first, ...rest] = dimensions
  if (!first) {
    yield []
    return
  }
  for (const tail of combinations(rest)) for (const step of first) yield step ? [step, ...tail] : tail
}

function checkpointingSteps(config: Config): Step[] {
  const from = CHECKPOINTING.indexOf(config.training.checkpointing)
  return CHECKPOINTING.slice(from + 1).map((variant, i) => ({
    set: [`training.checkpointing=${variant}`],
    cost: variant === 'full' ? 3 : 1 + i,
    apply: (changed) => {
      changed.training.checkpointing = variant
    },
  }))
}

/** Halves the tokens of a pass down to the longest single sequence, which needs a pass of its own anyway. */
function tokenSteps(config: Config): Step[] {
  const most = Math.max(config.policy.maxTokens, config.critics.maxTokens, config.imitation.maxTokens)
  const steps: Step[] = []
  for (let tokens = most / 2, cost = 1; tokens >= longestSequence(config); tokens /= 2, cost++) {
    const limit = Math.floor(tokens)
    const sections = (['policy', 'critics', 'imitation'] as const).filter(
      (section) => config[section].maxTokens > limit,
    )
    steps.push({
      set: sections.map((section) => `${section}.maxTokens=${limit}`),
      cost,
      apply: (changed) => {
        for (const section of sections) changed[section].maxTokens = limit
      },
    })
  }
  return steps
}

function slotSteps(config: Config): Step[] {
  const steps: Step[] = []
  for (let slots = slotsOf(config) / 2, cost = 1.5; slots >= 1; slots /= 2, cost += 1.5) {
    const count = Math.floor(slots)
    steps.push({
      set: [
        `agent.concurrency=${count}`,
        ...(config.generation.slots === null ? [] : [`generation.slots=${count}`]),
      ],
      cost,
      apply: (changed) => {
        changed.agent.concurrency = count
        if (changed.generation.slots !== null) changed.generation.slots = count
      },
    })
  }
  return steps
}

function stateSteps({ training, model }: Config): Step[] {
  if (training.mode !== 'full' || model.dtype !== 'bfloat16') return []
  return STATES.slice(STATES.indexOf(training.optimizerState) + 1).map((state, i) => ({
    set: [
      `training.optimizerState=${state}`,
      ...(training.gradients === 'float32' ? ['training.gradients=parameter'] : []),
    ],
    cost: 2 + i,
    apply: (changed) => {
      changed.training.optimizerState = state
      changed.training.gradients = 'parameter'
    },
  }))
}

function rankSteps({ training }: Config): Step[] {
  const steps: Step[] = []
  for (let rank = training.lora.rank / 2, cost = 2; rank >= 8; rank /= 2, cost += 2) {
    const inner = Math.floor(rank)
    steps.push({
      set: [`training.lora.rank=${inner}`],
      cost,
      apply: (changed) => {
        changed.training.lora.rank = inner
      },
    })
  }
  return steps
}

function modeSteps({ training }: Config): Step[] {
  const lora = (set: string[], cost: number, mode: 'full' | 'lora'): Step => ({
    set,
    cost,
    apply: (changed) => {
      changed.training.mode = mode
      changed.training.critics = 'lora'
    },
  })
  const critics = training.critics === 'full' || (training.critics === 'auto' && training.mode === 'full')
  return [
    ...(critics && training.mode === 'full' ? [lora(['training.critics=lora'], 5, 'full')] : []),
    ...(training.mode === 'full' ? [lora(['training.mode=lora', 'training.critics=lora'], 10, 'lora')] : []),
  ]
}

function dtypeSteps({ model }: Config): Step[] {
  if (model.dtype === 'bfloat16') return []
  return [
    {
      set: ['model.dtype=bfloat16'],
      cost: 6,
      apply: (changed) => {
        changed.model.dtype = 'bfloat16'
      },
    },
  ]
}
