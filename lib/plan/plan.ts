/**
 * The memory plan of a run, before anything is loaded: who holds how many bytes while episodes are played
 * (rollout) and while weights are updated (update). Pure arithmetic; figures are upper bounds for the settings'
 * largest pass. The generator's caches are given back before an update, gradients exist for one role at a time.
 */
import type { GemmaConfig, LoraTarget } from '../native/types.ts'
import { type Checkpointing, layerElements } from './activations.ts'
import { ringBytes, sequenceBytes } from './kv-cache.ts'
import { type Bytes, type OptimizerState, optimizerBytes } from './optimizer-state.ts'
import { headParameters, loraParameters, textParameters } from './parameters.ts'
import { actorStage, criticStage, stageTotal } from './stage.ts'

export interface PlanInput {
  model: GemmaConfig
  device: 'cpu' | 'cuda'
  /** Bytes of a weight. */
  element: Bytes
  actor: 'full' | 'lora'
  /** full: a second copy of the trunk; lora: two roles on the model's weights. */
  critics: 'full' | 'lora' | 'none'
  lora: { rank: number; targets: readonly LoraTarget[] }
  optimizerState: OptimizerState
  gradients: 'float32' | 'parameter'
  checkpointing: Checkpointing
  /** Tokens of the largest pass that trains the actor, and the critics. */
  tokens: { actor: number; critics: number }
  /** Rows of logits alive at once. */
  logitsChunk: number
  slots: number
  /** Pictures of one sequence's rings; none where the decoder has no slots. */
  snapshots: number
  /** Longest sequence generated, tokens. */
  maxLength: number
  prefillChunk: number
  /** The CPU's fast decoder works on a second, repacked copy of the weights. */
  repacked: boolean
  /** In exact mode training scores with a repacked copy of its own, where the decoder has one (docs/exact.md). */
  exactCopy: boolean
}

export type HolderName =
  | 'weights'
  | 'adapters'
  | 'optimizer'
  | 'gradients'
  | 'activations'
  | 'logits'
  | 'kv cache'
  | 'generation'
  | 'exact copy'
  | 'reserve'

export interface Holder {
  name: HolderName
  /** What it consists of, for a person. */
  what: string
  /** Bytes while episodes are played. */
  rollout: number
  /** Bytes while weights are updated. */
  update: number
}

export interface MemoryPlan {
  holders: Holder[]
  rollout: number
  update: number
  /** The larger half. */
  peak: number
}

/** Roles of the critics, one head each. */
const CRITICS = 2

export function memoryPlan(input: PlanInput): MemoryPlan {
  const holders = [...residentHolders(input), ...updateHolders(input), ...rolloutHolders(input)]
  const sum = (half: 'rollout' | 'update') => holders.reduce((total, holder) => total + holder[half], 0)
  holders.push({
    name: 'reserve',
    what:
      input.device === 'cuda' ? 'context, workspaces, fragmentation' : 'the process itself, fragmentation',
    rollout: reserve(input.device, sum('rollout')),
    update: reserve(input.device, sum('update')),
  })
  const [rollout, update] = [sum('rollout'), sum('update')]
  return { holders, rollout, update, peak: Math.max(rollout, update) }
}

/** CUDA: context and cuBLAS workspaces; CPU: Node, LibTorch and the episodes. Then 3% for fragmentation. */
export function reserve(device: 'cpu' | 'cuda', bytes: number): number {
  return Math.round((device === 'cuda' ? 1.5e9 : 0.4e9) + 0.03 * bytes)
}

/** What lives as long as the run. */
function residentHolders(input: PlanInput): Holder[] {
  const { model, element, actor, critics, lora, optimizerState } = input
  const base = textParameters(model)
  const copies = critics === 'full' ? 2 : 1
  const fullRoles = (actor === 'full' ? 1 : 0) + (critics === 'full' ? 1 : 0)
  const loraRoles = (actor === 'lora' ? 1 : 0) + (critics === 'lora' ? CRITICS : 0)
  const adapters = loraRoles * loraParameters(model, lora.rank, lora.targets)
  const heads = critics === 'none' ? 0 : CRITICS * headParameters(model, model.hidden)
  const state =
    fullRoles * base * optimizerBytes(element, optimizerState) +
    (adapters + heads) * optimizerBytes(4, 'float32')
  const what = {
    weights: `${billions(base)} parameters${copies === 2 ? ', actor and critics' : ''}`,
    adapters: [
      loraRoles > 0 && `${loraRoles} roles of rank ${lora.rank}`,
      heads > 0 && `${CRITICS} heads`,
    ].filter((part) => part !== false),
    state: fullRoles > 0 && element === 2 ? `AdamW, ${optimizerState}` : 'AdamW, float32',
  }
  const holders = [
    both('weights', what.weights, copies * base * element),
    both('adapters', what.adapters.join(', '), 4 * (adapters + heads)),
    both('optimizer', what.state, state),
  ]
  if (input.exactCopy) holders.push(both('exact copy', "the trainer's repacked weights", base * element))
  return holders
}

function updateHolders(input: PlanInput): Holder[] {
  const stages = [actorStage(input), ...(input.critics === 'none' ? [] : [criticStage(input)])]
  const largest = stages.reduce((a, b) => (stageTotal(b) > stageTotal(a) ? b : a))
  const only = (name: HolderName, what: string, update: number): Holder => ({
    name,
    what,
    rollout: 0,
    update,
  })
  return [
    only('gradients', `of the ${largest.role}`, largest.gradients),
    only('activations', `${largest.tokens} tokens, ${recomputed(input.checkpointing)}`, largest.activations),
    only('logits', `${input.logitsChunk} rows at once`, largest.logits),
  ]
}

function rolloutHolders(input: PlanInput): Holder[] {
  const { model, element, slots, snapshots, maxLength, prefillChunk, repacked } = input
  const cache =
    slots * sequenceBytes(model, maxLength, element) + snapshots * ringBytes(model, maxLength, element)
  const pictures = snapshots > 0 ? `, ${snapshots} snapshots` : ''
  const copy = repacked ? textParameters(model) * element : 0
  // A pass without gradients holds about one layer's tensors; sampling reads float32 logits of every slot.
  const prefill = prefillChunk * layerElements(model) * element
  const logits = slots * model.vocab * 4
  const only = (name: HolderName, what: string, rollout: number): Holder => ({
    name,
    what,
    rollout,
    update: 0,
  })
  return [
    only('kv cache', `${slots} sequences of ${maxLength}${pictures}`, cache),
    only(
      'generation',
      `prefill of ${prefillChunk}${repacked ? ', repacked weights' : ''}`,
      copy + prefill + logits,
    ),
  ]
}

function both(name: HolderName, what: string, bytes: number): Holder {
  return { name, what, rollout: bytes, update: bytes }
}

function billions(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)}B` : `${(count / 1e6).toFixed(2)}M`
}

function recomputed(variant: Checkpointing): string {
  return variant === 'none' ? 'nothing recomputed' : `checkpointing ${variant}`
}
