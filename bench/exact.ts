/**
 * What exact mode costs on this processor, and whether bits depend on the number of threads.
 * Run: node --import tsx bench/exact.ts [--threads N]. Prints a Markdown table; keeps nothing. A step's time is the
 * least of several, in turn with the others, on the embedded preset's model and on one of twice its width.
 */
import { parseArgs } from 'node:util'
import { loadNative } from '../lib/native/loader.ts'
import type { DType, Exact, GemmaConfig, NativeRole, PackedBatch } from '../lib/native/types.ts'

const TURNS = 7
const { values } = parseArgs({ options: { threads: { type: 'string', default: '2' } } })
const native = loadNative()
await native.setThreads(Number(values.threads))

const shape = (width: number): GemmaConfig => ({
  vocab: 1024,
  hidden: 128 * width,
  layers: 4,
  heads: 4,
  kvHeads: 1,
  headDim: 32 * width,
  intermediate: 512 * width,
  slidingWindow: 512,
  maxPositions: 2048,
  rmsEps: 1e-6,
  queryPreAttnScalar: 32 * width,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, true, false, true],
})

/** Four sequences of a page's length, of which an action's tokens are scored. */
function workload(): PackedBatch {
  const [sequences, length, scored] = [4, 256, 24]
  const at = Array.from({ length: sequences }, (_, b) => b * length)
  return {
    ids: Int32Array.from({ length: sequences * length }, (_, t) => (t * 31 + t * t * 7) % 1024),
    offsets: Int32Array.from([...at, sequences * length]),
    scored: Int32Array.from(
      at.flatMap((from) => Array.from({ length: scored }, (_, i) => from + length - scored + i)),
    ),
  }
}

const batch = workload()
const objective = {
  kind: 'nll',
  weights: new Float32Array(batch.scored.length).fill(1),
  normaliser: 1,
} as const
const actor = async (dtype: DType, width: number) =>
  (await native.randomModel(shape(width), { dtype, seed: 3n, initStd: 0.088, postNormGain: 0.3 })).role({
    name: 'actor',
    kind: 'full',
  })

async function step(role: NativeRole, checkpoint: 'none' | 'full', exact: Exact): Promise<number> {
  const began = performance.now()
  const { logprobs, logRatios } = await role.policyStep(batch, objective, { checkpoint, chunk: 2048, exact })
  const milliseconds = performance.now() - began
  for (const tensor of [logprobs, logRatios]) tensor.dispose()
  await role.optimizerStep({ lr: 0, clipNorm: 0 })
  return milliseconds
}

/** The bits of log-probabilities and of one gradient after a step. */
async function bitsOf(exact: Exact, threads: number): Promise<[string, string]> {
  await native.setThreads(threads)
  const role = await actor('float32', 2)
  const { logprobs } = await role.policyStep(batch, objective, { checkpoint: 'none', chunk: 2048, exact })
  const gradients = await Promise.all(
    role
      .parameters()
      .map(async ({ name }) => Buffer.from((await role.gradient(name)).buffer()).toString('base64')),
  )
  const scored = Buffer.from(logprobs.buffer()).toString('base64')
  role.dispose()
  return [scored, gradients.join()]
}
console.log('Same bits with 1 and 2 threads, and twice with 2:')
for (const exact of [false, 'packed', 'slots'] as const) {
  const [one, two, again] = [await bitsOf(exact, 1), await bitsOf(exact, 2), await bitsOf(exact, 2)]
  const say = (a: [string, string], b: [string, string]) =>
    `log-probabilities ${a[0] === b[0] ? 'same' : 'differ'}, gradients ${a[1] === b[1] ? 'same' : 'differ'}`
  console.log(`- ${exact || 'ordinary'}: 1 and 2 threads: ${say(one, two)}; twice: ${say(two, again)}`)
}

const ways = [
  ['ordinary', 'none', false],
  ['ordinary, layers checkpointed', 'full', false],
  ['exact, packed', 'none', 'packed'],
  ['exact, slots', 'none', 'slots'],
] as const
await native.setThreads(Number(values.threads))
console.log(`\npolicyStep of ${batch.ids.length} tokens, ${values.threads} threads, ms (ratio to ordinary)\n`)
console.log(`| model | ${ways.map(([name]) => name).join(' | ')} |\n|${'---|'.repeat(ways.length + 1)}`)
for (const dtype of ['float32', 'bfloat16'] as const)
  for (const width of [1, 2]) {
    const role = await actor(dtype, width)
    role.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 })
    const best = ways.map(() => Number.POSITIVE_INFINITY)
    for (let turn = 0; turn <= TURNS; turn++)
      for (const [i, [, checkpoint, exact]] of ways.entries()) {
        const taken = await step(role, checkpoint, exact)
        if (turn > 0) best[i] = Math.min(best[i] as number, taken)
      }
    const cells = best.map((ms) => `${ms.toFixed(0)} (${(ms / (best[0] as number)).toFixed(2)})`)
    console.log(`| ${dtype}, hidden ${128 * width} | ${cells.join(' | ')} |`)
    role.dispose()
  }
