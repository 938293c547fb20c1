/**
 * The whole model on a device against its twin on the CPU in float32, from one saved set of weights: log-probabilities
 * and entropies, gradients of full and LoRA roles under every checkpointing, generation with and without a reused
 * prefix, and exact mode bit for bit. On the CPU itself only bfloat16 is compared.
 * Run: echo '{"device": "cuda"}' | node --import tsx bench/gpu/checks/model.ts
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Gemma, type Role } from '../../../lib/native/model.ts'
import type { Checkpointing, PackedBatch, RoleSpec } from '../../../lib/native/types.ts'
import { pack, tokens } from '../ours/measure.ts'
import type { Emit } from '../record.ts'
import { SHAPES } from '../shapes.ts'

const emit: Emit = (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`)
const { device } = JSON.parse(readFileSync(0, 'utf8')) as { device: 'cpu' | 'cuda' }

const vocab = SHAPES.tiny.vocab
/** Around the window of 32, one row of two tokens. */
const ROWS = [2, 31, 33, 90].map((length, i) => tokens(40 + i, length, vocab))
const BATCH = pack(ROWS)
/** Mean absolute difference of a log-probability, nats; relative error of all gradients together. */
const BOUNDS = { float32: { nats: 1e-4, gradient: 1e-3 }, bfloat16: { nats: 3e-2, gradient: 6e-2 } } as const
type DType = keyof typeof BOUNDS

function report(name: string, value: number, bound: number, figure: string): void {
  const ok = value < bound
  emit({
    stage: 'correctness',
    name,
    ok,
    figures: { [figure]: Number.isFinite(value) ? value : 1e308, bound },
  })
}

function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!)
  return Number.isFinite(sum) ? sum / a.length : Number.POSITIVE_INFINITY
}

/** Everything one pass says of a role: per-token figures and all gradients by name. */
async function passOf(role: Role, batch: PackedBatch, checkpoint: Checkpointing) {
  const scored = await role.logprobs(batch, { entropy: true })
  const weights = Float32Array.from(batch.scored, (_, i) => 1 - (i % 3) / 2)
  const objective = { kind: 'nll' as const, weights, normaliser: weights.length }
  const { loss } = await role.policyStep(batch, objective, { checkpoint, chunk: 64 })
  const gradients = new Map<string, Float32Array>()
  for (const { name, trainable } of role.parameters()) {
    if (!trainable) continue
    const gradient = await role.gradient(name)
    gradients.set(name, gradient.data.slice())
    gradient.dispose()
  }
  await role.zeroGradients()
  return { logprobs: scored.logprobs.data, entropy: scored.entropy!.data, loss, gradients }
}

function gradientError(got: Map<string, Float32Array>, want: Map<string, Float32Array>): number {
  let [difference, size] = [0, 0]
  for (const [name, b] of want) {
    const a = got.get(name)
    if (!a || a.length !== b.length) return Number.POSITIVE_INFINITY
    for (let i = 0; i < b.length; i++) {
      difference += (a[i]! - b[i]!) ** 2
      size += b[i]! ** 2
    }
  }
  return Math.sqrt(difference / size)
}

const SPECS: RoleSpec[] = [
  { name: 'full', kind: 'full', copy: false },
  { name: 'lora', kind: 'lora', lora: { rank: 8, alpha: 16, seed: 5 } },
]

async function checkPasses(twin: Gemma, model: Gemma, dtype: DType): Promise<void> {
  for (const spec of SPECS) {
    const want = await passOf(await twin.role(spec), BATCH, 'none')
    const role = await model.role(spec)
    for (const checkpoint of ['none', 'selective', 'full'] as const) {
      const got = await passOf(role, BATCH, checkpoint)
      const name = `${spec.name} role, ${dtype}, checkpointing ${checkpoint}`
      const { nats, gradient } = BOUNDS[dtype]
      report(
        `${name}: log-probabilities`,
        meanDifference(got.logprobs, want.logprobs),
        nats,
        'meanDifference',
      )
      report(`${name}: entropies`, meanDifference(got.entropy, want.entropy), nats, 'meanDifference')
      report(`${name}: loss`, Math.abs(got.loss - want.loss), nats, 'difference')
      report(`${name}: gradients`, gradientError(got.gradients, want.gradients), gradient, 'relativeError')
    }
    role.dispose()
  }
}

const NEW = 12
const slots = { slots: 4, maxLength: 160, prefillChunk: 24, decoder: 'slots' as const }

/** Greedy continuations of every row, together. */
async function greedy(role: Role, decoder: 'packed' | 'slots') {
  const generator = role.generator({ ...slots, decoder })
  const request = (ids: Int32Array) => generator.generate({ ids, maxNewTokens: NEW, temperature: 0 })
  const results = await Promise.all(ROWS.map(request))
  generator.dispose()
  return results
}

async function checkGeneration(twin: Gemma, model: Gemma, dtype: DType): Promise<void> {
  const spec = SPECS[0]!
  const role = await model.role(spec)
  const got = await greedy(role, 'slots')
  if (dtype === 'float32') {
    const want = await greedy(await twin.role(spec), 'packed')
    const differing = got.filter(({ ids }, i) => ids.join() !== want[i]!.ids.join()).length
    report('generation, float32: greedy rows that differ from the CPU’s', differing, 0.5, 'rows')
  }
  // What the sampler says of its tokens, the trainer says too.
  const sampled = pack(
    ROWS.map((row, i) => Int32Array.of(...row, ...got[i]!.ids)),
    ROWS.map((row) => row.length),
  )
  const { logprobs } = await role.logprobs(sampled)
  const said = got.flatMap((result) => Array.from(result.logprobs))
  report(
    `generation, ${dtype}: sampler beside trainer`,
    meanDifference(said, logprobs.data),
    BOUNDS[dtype].nats,
    'meanDifference',
  )

  // A session that goes on gives what a fresh prompt gives.
  const generator = role.generator(slots)
  const first = await generator.generate({ ids: ROWS[3]!, maxNewTokens: NEW, temperature: 0, session: 1 })
  const prompt = Int32Array.of(...ROWS[3]!, ...first.ids, 11, 12, 13)
  const resumed = await generator.generate({ ids: prompt, maxNewTokens: NEW, temperature: 0, session: 1 })
  const fresh = await generator.generate({ ids: prompt, maxNewTokens: NEW, temperature: 0 })
  // Rounding may decide between two tokens of nearly one probability; what follows has different pasts.
  const parted = resumed.ids.findIndex((id, i) => id !== fresh.ids[i])
  const compared = parted < 0 ? NEW : parted + 1
  generator.dispose()
  report(
    `generation, ${dtype}: a reused prefix beside a fresh prompt`,
    meanDifference(resumed.logprobs.subarray(0, compared), fresh.logprobs.subarray(0, compared)),
    BOUNDS[dtype].nats,
    'meanDifference',
  )
  report(
    `generation, ${dtype}: prompt tokens computed again`,
    prompt.length - resumed.reusedTokens,
    8,
    'tokens',
  )
  role.dispose()
}

async function checkExact(model: Gemma, dtype: DType): Promise<void> {
  for (const spec of SPECS) {
    const role = await model.role(spec)
    const generator = role.generator({ ...slots, exact: true })
    const results = await Promise.all(
      ROWS.map((ids, i) =>
        generator.generate({ ids, maxNewTokens: NEW, temperature: 0.8, topP: 0.95, seed: i }),
      ),
    )
    generator.dispose()
    const sampled = pack(
      ROWS.map((row, i) => Int32Array.of(...row, ...results[i]!.ids)),
      ROWS.map((row) => row.length),
    )
    const { logprobs } = await role.logprobs(sampled, { temperature: 0.8, exact: 'slots' })
    const said = results.flatMap((result) => Array.from(result.logprobs))
    const differing = said.filter((value, i) => !Object.is(value, logprobs.data[i])).length
    report(
      `exact mode, ${spec.name} role, ${dtype}: log-probabilities with other bits`,
      differing,
      0.5,
      'tokens',
    )
    role.dispose()
  }
}

const folder = mkdtempSync(join(tmpdir(), 'mira-check-'))
try {
  const source = await Gemma.random(SHAPES.tiny, { seed: 9, initStd: 0.08 })
  await source.save(folder)
  for (const dtype of device === 'cpu' ? (['bfloat16'] as const) : (['float32', 'bfloat16'] as const)) {
    const model = await Gemma.load(folder, { dtype, device })
    await checkPasses(source, model, dtype)
    await checkGeneration(source, model, dtype)
    await checkExact(model, dtype)
    model.dispose()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
