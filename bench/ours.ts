/**
 * mira's side of a benchmark suite, the counterpart of hf_reference.py: reads {shape, threads, suite} as JSON from
 * standard input and prints one JSON line. Measures wall clock around the public API, JavaScript included.
 * Run: echo '{...}' | node --import tsx bench/ours.ts
 */
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { packActions } from '../lib/learn/packing.ts'
import { loadNative } from '../lib/native/loader.ts'
import { Gemma, type Role } from '../lib/native/model.ts'
import type { GemmaConfig } from '../lib/native/types.ts'
import type { Measurement, Suite } from './workload.ts'

interface Job {
  shape: GemmaConfig
  threads: number
  suite: Suite
}

type Kind<K extends Suite['kind']> = Extract<Suite, { kind: K }>
/** Wall and processor seconds, the latter over all threads. */
interface Elapsed {
  wall: number
  cpu: number
}
type Repetition = { elapsed: Elapsed; units: number; reused?: number }

/** Sampling resolution of the event-loop monitor, milliseconds; its figures include one interval. */
const LAG_RESOLUTION = 5

const timed = async (work: () => Promise<void>): Promise<Elapsed> => {
  const start = performance.now()
  const used = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(used)
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}

/** Forward and backward, clipping, AdamW on packed batches. */
async function train(role: Role, suite: Kind<'train'>): Promise<Repetition[]> {
  role.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.01 })
  const repetitions: Repetition[] = []
  for (const rows of suite.batches) {
    const sequences = rows.map(({ ids, prompt }) => ({
      promptIds: Int32Array.from(ids.slice(0, prompt)),
      actionIds: Int32Array.from(ids.slice(prompt)),
    }))
    const elapsed = await timed(async () => {
      const all = Int32Array.from(sequences.keys())
      const { batch, isAction } = packActions(sequences, all, { scorePrompt: suite.loss === 'all' })
      const weights = new Float32Array(isAction.length).fill(1)
      const result = await role.policyStep(batch, { kind: 'nll', weights, normaliser: weights.length })
      await role.optimizerStep({ lr: 1e-4, clipNorm: 1 })
      result.logprobs.dispose()
      result.logRatios.dispose()
    })
    repetitions.push({ elapsed, units: rows.reduce((sum, { ids }) => sum + ids.length, 0) })
  }
  return repetitions
}

const sampling = { temperature: 1, topK: 0, topP: 1 }

/** The prompt into the cache, and the first token from it. */
async function prefill(role: Role, suite: Kind<'prefill'>): Promise<Repetition[]> {
  const longest = Math.max(...suite.prompts.map((prompt) => prompt.length))
  const generator = role.generator({ slots: 1, maxLength: longest + 1 })
  const repetitions: Repetition[] = []
  for (const prompt of suite.prompts) {
    const ids = Int32Array.from(prompt)
    const elapsed = await timed(async () => {
      await generator.generate({ ids, maxNewTokens: 1, temperature: 0 })
    })
    repetitions.push({ elapsed, units: prompt.length })
  }
  generator.dispose()
  return repetitions
}

/** Time of all new tokens less the time of one: the rate once prompts are in the cache. */
async function decode(role: Role, suite: Kind<'decode'>): Promise<Repetition[]> {
  const longest = Math.max(...suite.prompts.map((prompt) => prompt.length))
  const generator = role.generator({ slots: suite.prompts.length, maxLength: longest + suite.newTokens })
  let seed = 0
  const sampleAll = (maxNewTokens: number) =>
    timed(async () => {
      const requests = suite.prompts.map((prompt) =>
        generator.generate({ ids: Int32Array.from(prompt), maxNewTokens, seed: seed++, ...sampling }),
      )
      for (const { ids } of await Promise.all(requests)) {
        if (ids.length !== maxNewTokens)
          throw new Error(`expected ${maxNewTokens} tokens, received ${ids.length}`)
      }
    })
  const repetitions: Repetition[] = []
  for (let repeat = 0; repeat <= suite.repeats; repeat++) {
    const first = await sampleAll(1)
    const whole = await sampleAll(suite.newTokens)
    const units = suite.prompts.length * (suite.newTokens - 1)
    if (repeat > 0)
      repetitions.push({ elapsed: { wall: whole.wall - first.wall, cpu: whole.cpu - first.cpu }, units })
  }
  generator.dispose()
  return repetitions
}

/** Whole episodes side by side, each with its session: the task and history stay in its cache. */
async function turns(role: Role, suite: Kind<'turns'>): Promise<Repetition[]> {
  const { episodes, newTokens } = suite
  const longest = Math.max(
    ...episodes.map(
      ({ head, pages, tail }) =>
        head.length + tail.length + pages.length * newTokens + Math.max(...pages.map((page) => page.length)),
    ),
  )
  const generator = role.generator({ slots: episodes.length, maxLength: longest + newTokens })
  let seed = 0
  let session = 0
  const play = async ({ head, pages, tail }: (typeof episodes)[number]) => {
    const own = session++
    let history: number[] = []
    let reused = 0
    let prompts = 0
    for (const page of pages) {
      const result = await generator.generate({
        ids: Int32Array.from([...head, ...history, ...page, ...tail]),
        maxNewTokens: newTokens,
        seed: seed++,
        session: own,
        ...sampling,
      })
      if (result.ids.length !== newTokens)
        throw new Error(`expected ${newTokens} tokens, received ${result.ids.length}`)
      history = [...history, ...result.ids]
      reused += result.reusedTokens
      prompts += result.promptTokens
    }
    generator.release(own)
    return { reused, prompts }
  }
  const repetitions: Repetition[] = []
  for (let repeat = 0; repeat < suite.warmup + 3; repeat++) {
    let reused = 0
    const elapsed = await timed(async () => {
      const played = await Promise.all(episodes.map(play))
      const total = played.reduce((sum, { prompts }) => sum + prompts, 0)
      reused = played.reduce((sum, episode) => sum + episode.reused, 0) / total
    })
    const units = episodes.reduce((sum, { pages }) => sum + pages.length, 0)
    repetitions.push({ elapsed, units, reused })
  }
  generator.dispose()
  return repetitions
}

function peakBytes(): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return 1024 * Number(kib ?? 0)
}

async function run(job: Job): Promise<Measurement> {
  const { suite } = job
  await loadNative().setThreads(job.threads)
  const model = await Gemma.random(job.shape, { dtype: 'float32', seed: 1n, initStd: 0.02, postNormGain: 1 })
  const role = await model.role({ name: 'actor', kind: 'full', copy: false })
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION })
  lag.enable()
  const all =
    suite.kind === 'train'
      ? await train(role, suite)
      : suite.kind === 'prefill'
        ? await prefill(role, suite)
        : suite.kind === 'decode'
          ? await decode(role, suite)
          : await turns(role, suite)
  lag.disable()
  const measured = all.slice('warmup' in suite ? suite.warmup : 0)
  const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - LAG_RESOLUTION)
  return {
    suite: suite.name,
    variant: 'mira',
    seconds: measured.map(({ elapsed }) => elapsed.wall),
    cpuSeconds: measured.map(({ elapsed }) => elapsed.cpu),
    units: measured.map((repetition) => repetition.units),
    peakBytes: peakBytes(),
    lag: { p50: beyond(lag.percentile(50)), p99: beyond(lag.percentile(99)), max: beyond(lag.max) },
    ...(measured[0]?.reused !== undefined && { reusedShare: measured.at(-1)?.reused ?? 0 }),
  }
}

console.log(JSON.stringify(await run(JSON.parse(readFileSync(0, 'utf8')) as Job)))
