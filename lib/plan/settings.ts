/** From a configuration and a model's shape to what the plan is computed from. */
import type { Config } from '../config/schema.ts'
import type { GemmaConfig } from '../native/types.ts'
import type { PlanInput } from './plan.ts'
import { textParameters } from './parameters.ts'

/** The CPU repacks weights for generation up to a copy of this size; see GeneratorSpec.decoder. */
const REPACK_LIMIT = 2 * 2 ** 30

/** Whether the critics are a copy of the trunk or adapters, with `auto` resolved. */
export function criticKind({ training }: Config): 'full' | 'lora' {
  return training.critics === 'auto' ? training.mode : training.critics
}

/** Longest sequence that is generated or trained on, tokens. */
export function longestSequence({ agent }: Config): number {
  return agent.maxPromptTokens + agent.maxActionTokens
}

/** Sequences whose keys and values are held at once. */
export function slotsOf({ generation, agent }: Config): number {
  return generation.slots ?? agent.concurrency
}

export function planInput(config: Config, model: GemmaConfig, device: 'cpu' | 'cuda'): PlanInput {
  const { training, generation, policy, critics, imitation } = config
  const element = config.model.dtype === 'bfloat16' ? 2 : 4
  const longest = longestSequence(config)
  const hasSlots = generation.decoder === 'slots' || (generation.decoder === 'auto' && device === 'cuda')
  const repackable = device === 'cpu' && textParameters(model) * element <= REPACK_LIMIT
  const repacked = generation.decoder === 'packed' || (generation.decoder === 'auto' && repackable)
  return {
    model,
    device,
    element,
    actor: training.mode,
    critics: criticKind(config),
    lora: training.lora,
    optimizerState: training.optimizerState,
    gradients: training.gradients,
    checkpointing: training.checkpointing,
    tokens: {
      // A sequence longer than maxTokens gets a pass of its own.
      actor: Math.max(policy.maxTokens, imitates(config) ? imitation.maxTokens : 0, longest),
      critics: Math.max(critics.maxTokens, longest),
    },
    logitsChunk: training.logitsChunk,
    slots: slotsOf(config),
    snapshots: hasSlots ? (generation.snapshots ?? slotsOf(config)) : 0,
    maxLength: longest,
    prefillChunk: generation.prefillChunk,
    repacked,
    exactCopy: config.run.exact && repacked,
  }
}

/** Whether the run begins with imitation. */
export function imitates({ imitation, model }: Config): boolean {
  if (imitation.enabled !== 'auto') return imitation.enabled
  return model.path === null || imitation.data !== null
}
