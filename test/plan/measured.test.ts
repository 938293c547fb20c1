/** The plan beside reality: bytes that the addon's allocator counted while a model of middle size was trained. */
import { afterAll, describe, expect, test } from 'vitest'
import { LORA_TARGETS } from '../../lib/config/sections/training.ts'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma } from '../../lib/native/model.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'
import { memoryPlan, type PlanInput } from '../../lib/plan/plan.ts'

const model: GemmaConfig = {
  vocab: 2048,
  hidden: 128,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  intermediate: 512,
  slidingWindow: 128,
  maxPositions: 4096,
  rmsEps: 1e-6,
  queryPreAttnScalar: 32,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, false, false, true],
}
const TOKENS = 1024
const CHUNK = 128
const RANK = 8

/** 4 sequences, their second halves scored. */
const batch = {
  ids: Int32Array.from({ length: TOKENS }, (_, t) => (t * 7919) % model.vocab),
  offsets: Int32Array.of(0, 256, 512, 768, 1024),
  scored: Int32Array.from({ length: TOKENS / 2 }, (_, i) => 256 * Math.floor(i / 128) + 128 + (i % 128)),
}

const memory = (resetPeak = false) => loadNative().memory({ device: 'cpu', resetPeak })

/** Bytes above what was there before the model: most of them during two passes and an update. */
async function measure(input: PlanInput): Promise<number> {
  const before = (await memory()).allocatedBytes
  const dtype = input.element === 2 ? 'bfloat16' : 'float32'
  const gemma = await Gemma.random(model, { dtype, seed: 1 })
  const lora = { rank: RANK, alpha: RANK, seed: 1 }
  const actor = await gemma.role(
    input.actor === 'full'
      ? { name: 'actor', kind: 'full', copy: false }
      : { name: 'actor', kind: 'lora', lora },
  )
  const adamW = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 }
  actor.configureOptimizer({ ...adamW, state: input.optimizerState, gradients: input.gradients })
  const objective = {
    kind: 'nll' as const,
    weights: new Float32Array(batch.scored.length).fill(1),
    normaliser: batch.scored.length,
  }
  const pass = async () => {
    const options = { checkpoint: input.checkpointing, chunk: CHUNK }
    const { logprobs, logRatios } = await actor.policyStep(batch, objective, options)
    logprobs.dispose()
    logRatios.dispose()
  }
  try {
    // The first update makes the moments.
    await pass()
    await actor.optimizerStep({ lr: 1e-4 })
    await memory(true)
    await pass()
    await pass()
    await actor.optimizerStep({ lr: 1e-4 })
    return (await memory()).peakBytes - before
  } finally {
    actor.dispose()
    gemma.dispose()
    // Disposal is queued; the next verb comes after it.
    await memory()
  }
}

const base: PlanInput = {
  model,
  device: 'cpu',
  element: 4,
  actor: 'full',
  critics: 'none',
  lora: { rank: RANK, targets: LORA_TARGETS },
  optimizerState: 'float32',
  gradients: 'parameter',
  checkpointing: 'none',
  tokens: { actor: TOKENS, critics: TOKENS },
  logitsChunk: CHUNK,
  slots: 1,
  snapshots: 0,
  maxLength: 1024,
  prefillChunk: 512,
  repacked: false,
  exactCopy: false,
}

const rows: string[] = []
afterAll(() => {
  if (process.env.MIRA_TEST_PRINT) process.stdout.write(`${rows.join('\n')}\n`)
})

describe.each([
  [4, 'full'],
  [4, 'lora'],
  [2, 'full'],
] as const)('%s bytes per weight, %s', (element, actor) => {
  test.each(['none', 'selective', 'full'] as const)('checkpointing %s', async (checkpointing) => {
    const input: PlanInput = { ...base, element, actor, checkpointing }
    const plan = memoryPlan(input)
    const reserve = plan.holders.find(({ name }) => name === 'reserve')?.update ?? 0
    const planned = plan.update - reserve
    const measured = await measure(input)
    rows.push(
      `${element} ${actor} ${checkpointing}: ${(measured / 1e6).toFixed(1)} MB of ${(planned / 1e6).toFixed(1)}`,
    )
    // An upper bound, and not a wasteful one.
    expect(measured).toBeLessThan(planned)
    expect(measured).toBeGreaterThan(planned * 0.75)
  })
})
