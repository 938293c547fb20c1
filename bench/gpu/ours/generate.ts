/**
 * mira's generation job: prefill of one prompt and of many, decoding at each batch size with the prompts in the
 * cache, and how far the sampler's log-probabilities are from the trainer's on the tokens it sampled.
 */
import { Gemma, type Role } from '../../../lib/native/model.ts'
import { type GenerateJob, NAMES } from '../jobs.ts'
import type { Emit } from '../record.ts'
import { mismatch } from './mismatch.ts'
import { median, pack, peakBytes, profiled, resetPeak, timed, tokens } from './measure.ts'

interface Sampled {
  prompt: Int32Array
  ids: Int32Array
  /** Temperature 1, as the sampler saw them. */
  logprobs: Float32Array
}

const joined = (...parts: ArrayLike<number>[]) => Int32Array.from(parts.flatMap((part) => Array.from(part)))

async function compare(role: Role, sampled: readonly Sampled[], exact: boolean) {
  const sampler: number[] = []
  const trainer: number[] = []
  for (const { prompt, ids, logprobs } of sampled) {
    const batch = pack([joined(prompt, ids)], [prompt.length])
    const scored = await role.logprobs(batch, { chunk: 256, exact })
    trainer.push(...scored.logprobs.data)
    sampler.push(...logprobs)
    scored.logprobs.dispose()
  }
  return mismatch(sampler, trainer)
}

export async function generate(job: GenerateJob, emit: Emit): Promise<void> {
  const { config, dtype, device, seed, promptLength, newTokens, batches } = job
  const model = await Gemma.random(config, { dtype, device, seed })
  const role = await model.role({ name: 'actor', kind: 'full', copy: false })
  const slots = Math.max(...batches)
  const rounds = batches.length * 2 + 2
  const generator = role.generator({
    slots,
    maxLength: promptLength + rounds * (newTokens + 2),
    prefillChunk: Math.min(promptLength, 8192),
  })
  await resetPeak(device)

  const history = Array.from({ length: slots }, (_, i) => tokens(seed + i, promptLength, config.vocab))
  /** One more turn of the first `batch` sessions: a fresh token, then `count` sampled ones. */
  const turn = (batch: number, count: number, fresh: readonly number[] = [9]) =>
    timed(() =>
      Promise.all(
        history.slice(0, batch).map(async (past, session): Promise<Sampled> => {
          const prompt = joined(past, fresh)
          const settings = { maxNewTokens: count, seed: seed + session, session }
          const result = await generator.generate({ ids: prompt, ...settings })
          if (result.ids.length !== count) throw new Error(`sampled ${result.ids.length} of ${count} tokens`)
          history[session] = joined(prompt, result.ids)
          return { prompt, ids: result.ids, logprobs: result.logprobs }
        }),
      ),
    )

  // A prompt of its own warms up kernels and workspaces; two more are timed, then all that is missing at once.
  const single = async (index: number) => {
    const ids = tokens(seed + 1000 + index, promptLength, config.vocab)
    return (await timed(() => generator.generate({ ids, maxNewTokens: 1 }))).seconds
  }
  await single(0)
  const alone = [await single(1), await single(2), await single(3)]
  const prefillProfile = await profiled(() => single(4))
  emit({
    stage: 'bench',
    name: NAMES.prefill(promptLength),
    figures: { tokensPerSecond: promptLength / median(alone), seconds: median(alone) },
    note: 'to the first sampled token',
    profile: prefillProfile,
  })
  const all = await turn(slots, 1, [])
  emit({
    stage: 'bench',
    name: NAMES.prefillMany(slots, promptLength),
    figures: { tokensPerSecond: (slots * promptLength) / all.seconds, seconds: all.seconds },
  })

  let sampled: Sampled[] = []
  for (const batch of batches) {
    await turn(batch, newTokens > 8 ? 8 : 2) // captures the batch size's graph
    const first = await turn(batch, 1)
    const whole = await turn(batch, newTokens)
    if (batch <= 8) sampled = whole.value
    const seconds = whole.seconds - first.seconds
    const figures = {
      tokensPerSecond: (batch * (newTokens - 1)) / seconds,
      stepSeconds: seconds / (newTokens - 1),
      cacheBytes: generator.stats().cacheBytes,
      peakBytes: await peakBytes(device),
    }
    const note = `${newTokens - 1} further tokens per sequence; time of ${newTokens} less the time of one`
    emit({ stage: 'bench', name: NAMES.decode(batch, promptLength), figures, note })
    if (batch === batches[0] || batch === batches.at(-1)) {
      const profile = await profiled(() => turn(batch, Math.min(newTokens, 16)))
      emit({ stage: 'bench', name: NAMES.decode(batch, promptLength), figures, note, profile })
    }
  }
  generator.dispose()

  const ordinary = await compare(role, sampled, false)
  emit({ stage: 'bench', name: NAMES.mismatch, figures: ordinary, note: 'temperature 1, random weights' })

  const exact = role.generator({ slots: 2, maxLength: Math.min(1024, promptLength) + newTokens, exact: true })
  const shorter = history.slice(0, 2).map((ids) => ids.slice(0, Math.min(1024, promptLength)))
  const traced = await Promise.all(
    shorter.map(async (prompt, i): Promise<Sampled> => {
      const { ids, logprobs } = await exact.generate({ ids: prompt, maxNewTokens: newTokens, seed: seed + i })
      return { prompt, ids, logprobs }
    }),
  )
  exact.dispose()
  emit({
    stage: 'bench',
    name: NAMES.mismatchExact,
    figures: await compare(role, traced, true),
    note: 'every log-probability bit for bit equal when the largest difference is 0',
  })
}
