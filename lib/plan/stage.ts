/**
 * What one training stage needs beside the resident tensors: gradients of the role it trains, activations of its
 * largest pass, and logits where it scores tokens. Stages follow one another, so a run needs the largest.
 */
import { savedBytes, workingBytes } from './activations.ts'
import { gradientBytes } from './optimizer-state.ts'
import { embeddingParameters, headParameters, loraParameters, textParameters } from './parameters.ts'
import type { PlanInput } from './plan.ts'

export interface StageBytes {
  role: 'actor' | 'critics'
  tokens: number
  gradients: number
  activations: number
  logits: number
}

export function actorStage(input: PlanInput): StageBytes {
  const { model, element, actor, lora, tokens, logitsChunk, device } = input
  const embedding = embeddingParameters(model)
  // float32 logits of one chunk, and their gradient: bfloat16 on the device, float32 on the CPU.
  const perLogit = device === 'cuda' ? 4 + element : 8
  // The head's gradient adds up in float32 over the chunks and is rounded once.
  const head = actor === 'full' ? embedding * (4 + (element === 2 ? 2 : 0)) : 0
  return {
    role: 'actor',
    tokens: tokens.actor,
    gradients:
      actor === 'full'
        ? textParameters(model) * gradientBytes(element, input.gradients)
        : gradientBytes(4, input.gradients) * loraParameters(model, lora.rank, lora.targets),
    activations: activationsOf(input, tokens.actor),
    logits: Math.min(logitsChunk, tokens.actor) * model.vocab * perLogit + head,
  }
}

export function criticStage(input: PlanInput): StageBytes {
  const { model, element, critics, lora, tokens } = input
  const small = gradientBytes(4, input.gradients)
  const head = small * headParameters(model, model.hidden)
  return {
    role: 'critics',
    tokens: tokens.critics,
    // Adapters: one critic after the other. A shared trunk has both heads at once.
    gradients:
      critics === 'full'
        ? textParameters(model) * gradientBytes(element, input.gradients) + 2 * head
        : small * loraParameters(model, lora.rank, lora.targets) + head,
    activations: activationsOf(input, tokens.critics),
    logits: 0,
  }
}

export function stageTotal({ gradients, activations, logits }: StageBytes): number {
  return gradients + activations + logits
}

function activationsOf({ model, element, checkpointing, device }: PlanInput, tokens: number): number {
  const flash = device === 'cuda'
  return (
    savedBytes(model, tokens, element, checkpointing) +
    workingBytes(model, tokens, element, checkpointing, flash)
  )
}
