/** A whole small run with the real addon: stages in order, files, resumption, interruption, repeatability. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defineConfig } from '../../lib/config/load.ts'
import { Gemma } from '../../lib/native/model.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import type { TrainEvent } from '../../lib/run/events.ts'
import { readEpisodes, readEvents } from '../../lib/run/read.ts'
import { evaluate, train } from '../../lib/train/conductor.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-train-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const config = defineConfig({
  model: {
    architecture: {
      hidden: 32,
      layers: 2,
      heads: 2,
      headDim: 16,
      intermediate: 64,
      layerTypes: ['sliding_attention', 'full_attention'],
    },
  },
  suite: { templates: ['shop/add-to-cart', 'forum/upvote-post', 'map/set-home'] },
  agent: { horizon: 4, maxActionTokens: 12, concurrency: 8 },
  imitation: { demonstrations: 12, epochs: 1 },
  critics: { pretrainRollouts: 4, pretrainEpochs: 1 },
  phases: { count: 2, rollouts: 6 },
  evaluation: { episodes: 3, validationEpisodes: 3, novelEpisodes: 0 },
  run: { seed: 7, threads: 1 },
})

async function run(
  directory: string,
  options: { signal?: AbortSignal; onEvent?: (e: TrainEvent) => void } = {},
) {
  const at = existsSync(directory)
    ? await RunDirectory.open(directory)
    : await RunDirectory.create(config, { directory })
  const events: TrainEvent[] = []
  const result = await train(config, {
    run: at,
    onEvent: (event) => {
      events.push(event)
      options.onEvent?.(event)
    },
    ...(options.signal ? { signal: options.signal } : {}),
  })
  at.close()
  return { result, events }
}

/** Losses of the actor's steps and test successes: what two equal runs must share. */
const trace = (events: readonly TrainEvent[]) =>
  events.flatMap((event) =>
    event.type === 'step' && event.stage === 'actor'
      ? [[event.phase, event.step, event.loss]]
      : event.type === 'evaluation' && event.split === 'test'
        ? [[event.phase, event.successes, event.progress]]
        : [],
  )

test('imitation and two phases: events, episodes with learning, checkpoints that load', async () => {
  const directory = join(folder, 'run')
  const { result, events } = await run(directory)
  expect(result.outcome).toBe('completed')
  expect(result.phases.map((phase) => phase.phase)).toEqual([0, 1, 2])
  const stages = events.flatMap((event) => (event.type === 'stage' ? [`${event.phase} ${event.stage}`] : []))
  expect(stages.filter((stage) => stage.startsWith('0'))).toEqual([
    '0 demonstrations',
    '0 imitation',
    '0 critic-rollouts',
    '0 critic-pretraining',
    '0 validation',
    '0 test',
    '0 checkpoint',
  ])
  const own = (await readEpisodes(directory, 1)).filter(({ episode }) => episode.id.startsWith('phase-1'))
  expect(own).toHaveLength(6)
  for (const { episode, learning } of own) {
    expect(learning).toHaveLength(episode.steps.length)
    const sparse = episode.judgement.score
    const shaped = learning?.reduce((sum, step) => sum + step.reward, 0) ?? Number.NaN
    const auxiliary = learning?.reduce((sum, step) => sum + step.auxiliary, 0) ?? Number.NaN
    expect(shaped).toBeCloseTo(sparse + auxiliary, 5)
    // Sampled ids are what the next prompt carries: the history is never encoded again.
    for (let t = 1; t < episode.steps.length; t++) {
      const before = episode.steps[t - 1]?.actionIds.slice(0, -1).join(' ') ?? ''
      expect(episode.steps[t]?.promptIds.join(' ')).toContain(before)
    }
  }
  const journal = await readEvents(directory)
  expect(journal.at(-1)?.type).toBe('end')
  const best = result.checkpoint ?? ''
  const model = await Gemma.load(best)
  expect(model.config.hidden).toBe(32)
  model.dispose()
  const again = await evaluate(config, {
    checkpoint: best,
    phase: result.bestPhase,
    split: 'test',
    episodes: 3,
    onEvent: () => {},
  })
  expect(again.successes).toBe(result.phases[result.bestPhase]?.test?.successes)
}, 120_000)

test('the same seed gives the same run, and a run cut after a phase goes on to the same end', async () => {
  const whole = await run(join(folder, 'whole'))
  const stop = new AbortController()
  const cut = await run(join(folder, 'cut'), {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'stage' && event.stage === 'actor' && event.phase === 2) stop.abort()
    },
  })
  expect(cut.result.outcome).toBe('interrupted')
  expect(cut.events.at(-1)).toMatchObject({ type: 'interrupted', phase: 2, completedPhase: 1 })
  const rest = await run(join(folder, 'cut'))
  expect(rest.result.outcome).toBe('completed')
  const phaseTwo = (events: readonly TrainEvent[]) => trace(events).filter(([phase]) => phase === 2)
  expect(trace(cut.events)).toEqual(trace(whole.events).filter(([phase]) => phase !== 2))
  expect(phaseTwo(rest.events)).toEqual(phaseTwo(whole.events))
  expect(rest.result.phases).toHaveLength(3)
}, 240_000)
