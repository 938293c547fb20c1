/**
 * mira's training job: tokens per second of forward, backward and optimizer at each row length, the optimizer step
 * alone, peak memory, what the logits add to it, and the time until a generator samples from updated weights.
 */
import { Gemma, type Role } from '../../../lib/native/model.ts'
import type { Checkpointing, PackedBatch } from '../../../lib/native/types.ts'
import { executedFlops, forwardFlops, modelFlops } from '../flops.ts'
import { NAMES, type TrainJob } from '../jobs.ts'
import type { Emit } from '../record.ts'
import { emptyCache, median, pack, peakBytes, profiled, resetPeak, timed, tokens } from './measure.ts'

const outOfMemory = (error: unknown) =>
  error instanceof Error && 'code' in error && /OOM|OUT_OF_MEMORY/.test(String(error.code))

/** Loss on every token the batch scores, the mean over `normaliser` of them. */
async function forwardBackward(
  role: Role,
  batch: PackedBatch,
  checkpoint: Checkpointing,
  { chunk, normaliser }: { chunk: number; normaliser: number },
): Promise<number> {
  const weights = new Float32Array(batch.scored.length).fill(1)
  const step = await role.policyStep(batch, { kind: 'nll', weights, normaliser }, { checkpoint, chunk })
  step.logprobs.dispose()
  step.logRatios.dispose()
  return step.loss
}

/** Ends when the device has done what was asked: copies the smallest parameter to the host. */
async function settle(role: Role): Promise<void> {
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
  const smallest = role.parameters().reduce((a, b) => (size(b.shape) < size(a.shape) ? b : a))
  const copy = await role.parameter(smallest.name)
  copy.dispose()
}

async function step(role: Role, job: TrainJob, batches: readonly PackedBatch[], checkpoint: Checkpointing) {
  const normaliser = batches.reduce((sum, { scored }) => sum + scored.length, 0)
  let loss = 0
  const passes = await timed(async () => {
    for (const batch of batches)
      loss += await forwardBackward(role, batch, checkpoint, { chunk: job.chunk, normaliser })
  })
  const optimizer = await timed(async () => {
    await role.optimizerStep({ lr: 1e-6, clipNorm: 1 })
    await settle(role)
  })
  if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`)
  return { passes: passes.seconds, optimizer: optimizer.seconds, loss }
}

async function measureRow(role: Role, job: TrainJob, row: number, emit: Emit): Promise<void> {
  const count = Math.max(1, Math.round(job.tokensPerStep / row))
  const batches = Array.from({ length: count }, (_, i) => pack([tokens(job.seed + i, row, job.config.vocab)]))
  const scored = count * (row - 1)
  const forward = forwardFlops(job.config, new Array<number>(count).fill(row), scored)
  const name = NAMES.train(job.mode, row)
  for (const [i, checkpoint] of job.checkpointing.entries()) {
    try {
      await resetPeak(job.device)
      for (let k = 0; k < job.warmup; k++) await step(role, job, batches, checkpoint)
      const steps = []
      for (let k = 0; k < job.steps; k++) steps.push(await step(role, job, batches, checkpoint))
      const seconds = median(steps.map(({ passes, optimizer }) => passes + optimizer))
      const figures = {
        tokensPerSecond: (count * row) / seconds,
        stepSeconds: seconds,
        optimizerSeconds: median(steps.map(({ optimizer }) => optimizer)),
        modelFlopsPerSecond: modelFlops(job.mode, forward) / seconds,
        executedFlopsPerSecond: executedFlops(job.mode, checkpoint, forward) / seconds,
        peakBytes: await peakBytes(job.device),
        loss: steps.at(-1)!.loss,
      }
      const note = `checkpointing ${checkpoint}, passes per optimizer step: ${count}, logits chunk ${job.chunk}`
      emit({ stage: 'bench', name, figures, note })
      const profile = await profiled(() => step(role, job, batches, checkpoint))
      emit({ stage: 'bench', name, figures, note, profile })
      return
    } catch (error) {
      await role.zeroGradients()
      await emptyCache(job.device)
      const next = job.checkpointing[i + 1]
      if (!outOfMemory(error) || next === undefined) {
        emit({ stage: 'bench', name, failed: error instanceof Error ? error.message : String(error) })
        return
      }
    }
  }
}

/** What scoring every token adds to the peak of one pass over a row, beside scoring one token. */
async function measureLogits(role: Role, job: TrainJob, row: number, emit: Emit): Promise<void> {
  const ids = tokens(job.seed, row, job.config.vocab)
  const checkpoint = job.checkpointing.at(-1) ?? 'full'
  const peakOf = async (from: number) => {
    await resetPeak(job.device)
    await forwardBackward(role, pack([ids], [from]), checkpoint, { chunk: job.chunk, normaliser: 1 })
    await role.zeroGradients()
    return peakBytes(job.device)
  }
  const one = await peakOf(row - 1)
  const all = await peakOf(1)
  const buffers = Math.min(job.chunk, row - 1) * job.config.vocab * 6
  emit({
    stage: 'bench',
    name: NAMES.logits(row),
    figures: {
      addedPeakBytes: all - one,
      bufferBytes: buffers,
      logitsGiB: Math.max(buffers, all - one) / 2 ** 30,
    },
    note: `chunk ${job.chunk}: float32 logits and their bfloat16 gradient by arithmetic; added to the peak as measured`,
  })
}

/** The next token after an update comes from the new weights; nothing is copied, so only the call takes time. */
async function measureSync(role: Role, job: TrainJob, emit: Emit): Promise<void> {
  const generator = role.generator({ slots: 1, maxLength: 64 })
  const ids = tokens(job.seed, 32, job.config.vocab)
  const sample = async () => {
    const { logprobs } = await generator.generate({ ids, maxNewTokens: 1, temperature: 0 })
    return logprobs[0]!
  }
  try {
    const before = await sample()
    const normaliser = ids.length - 1
    await forwardBackward(role, pack([ids]), 'full', { chunk: job.chunk, normaliser })
    // Large enough that the next token's log-probability cannot stay as it was.
    await role.optimizerStep({ lr: 1e-2 })
    const { seconds } = await timed(() => generator.invalidate())
    const after = await sample()
    emit({
      stage: 'bench',
      name: NAMES.sync,
      figures: { syncSeconds: seconds, logprobBefore: before, logprobAfter: after },
      ...(before === after && { failed: 'the sampler still draws from the old weights' }),
    })
  } finally {
    generator.dispose()
  }
}

export async function train(job: TrainJob, emit: Emit): Promise<void> {
  const { config, dtype, device, seed, mode } = job
  const { value: model, seconds } = await timed(() => Gemma.random(config, { dtype, device, seed }))
  const role = await model.role(
    mode === 'full'
      ? { name: 'actor', kind: 'full', copy: false }
      : { name: 'actor', kind: 'lora', lora: { rank: job.loraRank, alpha: job.loraRank, seed } },
  )
  role.configureOptimizer({
    beta1: 0.9,
    beta2: 0.95,
    eps: 1e-8,
    weightDecay: 0.01,
    ...(mode === 'full'
      ? { state: 'stochastic' as const, gradients: 'parameter' as const }
      : { state: 'float32' as const, gradients: 'float32' as const }),
  })
  emit({ stage: 'bench', name: `random weights, ${mode}`, figures: { seconds } })
  for (const row of job.rows) await measureRow(role, job, row, emit)
  if (mode === 'lora') {
    await measureLogits(role, job, Math.max(...job.rows), emit)
    await measureSync(role, job, emit)
  }
}
