/**
 * Packed training over windows at 12B's head geometry and few layers, in bfloat16: every loss and gradient norm is
 * finite, and the model learns what it is shown. Full fine-tuning with every optimizer state, and LoRA.
 * Run: echo '{"device": "cuda"}' | node --import tsx bench/gpu/checks/training.ts
 */
import { readFileSync } from 'node:fs'
import { seededRandom } from '../../../lib/learn/random.ts'
import { Gemma } from '../../../lib/native/model.ts'
import type { AdamWSpec, Checkpointing } from '../../../lib/native/types.ts'
import { pack } from '../ours/measure.ts'
import type { Emit } from '../record.ts'
import { SHAPES } from '../shapes.ts'

const emit: Emit = (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`)
const { device } = JSON.parse(readFileSync(0, 'utf8')) as { device: 'cpu' | 'cuda' }
const onGpu = device !== 'cpu'

/** Losses compared at the start and at the end. */
const AVERAGED = onGpu ? 10 : 2

const random = seededRandom(7)
/** Rows of one token to some windows; each counts upwards by a step of its own, which can be learned. */
function batch() {
  const rows = Array.from({ length: onGpu ? 12 : 3 }, () => {
    const length = 2 + random.int(onGpu ? 300 : 60)
    const [start, stride] = [random.int(1000), 1 + random.int(3)]
    return Int32Array.from({ length }, (_, i) => 8 + ((start + i * stride) % 1000))
  })
  return pack([Int32Array.of(9), ...rows])
}

async function run(
  name: string,
  steps: number,
  state: NonNullable<AdamWSpec['state']>,
  checkpoint: Checkpointing,
  lora: boolean,
): Promise<void> {
  const model = await Gemma.random(SHAPES.tiny, { dtype: 'bfloat16', device, seed: 3 })
  const role = await model.role(
    lora
      ? { name: 'actor', kind: 'lora', lora: { rank: 16, alpha: 16, seed: 1 } }
      : { name: 'actor', kind: 'full', copy: false },
  )
  const gradients = state === 'float32' ? ('float32' as const) : ('parameter' as const)
  role.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.01, state, gradients })
  const losses: number[] = []
  let largestNorm = 0
  let bad = 0
  for (let step = 0; step < steps; step++) {
    const rows = batch()
    const weights = new Float32Array(rows.scored.length).fill(1)
    const objective = { kind: 'nll' as const, weights, normaliser: weights.length }
    const result = await role.policyStep(rows, objective, { checkpoint, chunk: 256 })
    if (!result.logprobs.data.every(Number.isFinite)) bad++
    result.logprobs.dispose()
    result.logRatios.dispose()
    const { gradNorm } = await role.optimizerStep({ lr: lora ? 3e-3 : 1e-3, clipNorm: 1 })
    if (!Number.isFinite(result.loss) || !Number.isFinite(gradNorm)) bad++
    losses.push(result.loss)
    largestNorm = Math.max(largestNorm, gradNorm)
  }
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const [first, last] = [mean(losses.slice(0, AVERAGED)), mean(losses.slice(-AVERAGED))]
  emit({
    stage: 'correctness',
    name: `training, ${name}`,
    ok: bad === 0 && last < first,
    figures: { steps, notFinite: bad, firstLoss: first, lastLoss: last, largestGradNorm: largestNorm },
    note: `checkpointing ${checkpoint}, optimizer state ${state}`,
  })
  role.dispose()
  model.dispose()
}

await run('full, packed with windows', onGpu ? 200 : 8, 'stochastic', 'selective', false)
await run('LoRA', onGpu ? 100 : 8, 'float32', 'full', true)
for (const state of ['split', 'int8'] as const)
  await run(`full, ${state}`, onGpu ? 50 : 6, state, 'full', false)
