/** A run that imitates WebRL data in place of recorded demonstrations, with the real addon. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defineConfig } from '../../lib/config/load.ts'
import { imitates } from '../../lib/plan/settings.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import type { TrainEvent } from '../../lib/run/events.ts'
import { train } from '../../lib/train/conductor.ts'
import { rowsOfTrace } from '../../lib/webrl/policy-rows.ts'
import { writeJsonLines } from '../../lib/webrl/records.ts'
import type { FixedStep } from '../../lib/webrl/trace.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-imitate-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const configOf = (data: string) =>
  defineConfig({
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
    imitation: { data, epochs: 3, batchSize: 4, promptLossWeight: 0 },
    run: { seed: 7, threads: 1 },
  })

/** Runs until imitation is over. */
async function imitate(data: string): Promise<TrainEvent[]> {
  const config = configOf(data)
  const run = await RunDirectory.create(config, { directory: join(folder, 'run') })
  const stop = new AbortController()
  const events: TrainEvent[] = []
  try {
    const result = await train(config, {
      run,
      signal: stop.signal,
      onEvent(event) {
        events.push(event)
        if (event.type === 'stage-end' && event.stage === 'imitation') stop.abort()
      },
    })
    expect(result.outcome).toBe('interrupted')
  } finally {
    run.close()
  }
  return events
}

const trajectory = (score: number): FixedStep[] =>
  ['do(action="Click", element="lamp")', 'exit(message="done")'].map((response, index) => ({
    trace_id: 1,
    index,
    prompt: index === 0 ? 'Buy the lamp' : '** Simplified html **',
    html: `<a>lamp</a> ${index}`,
    response,
    target: 'Buy the lamp',
    fixed_response: response,
    score,
  }))

test('successful rows are learned, failures are not', async () => {
  const data = join(folder, 'rows.jsonl')
  const demonstrations = Array.from({ length: 20 }, (_, i) => trajectory(i % 2))
  await writeJsonLines(
    data,
    demonstrations.flatMap((steps) => rowsOfTrace(steps)),
  )
  const events = await imitate(data)
  const read = events.find((event) => event.type === 'stage-end' && event.stage === 'demonstrations')
  expect(read).toMatchObject({ metrics: { samples: 20 } })
  const losses = events.flatMap((event) =>
    event.type === 'step' && event.stage === 'imitation' ? [event.loss] : [],
  )
  expect(losses).toHaveLength(15)
  expect(losses.at(-1)).toBeLessThan(0.75 * (losses[0] as number))
})

test('data means imitation, also on weights from a folder, unless it is turned off', () => {
  const own = configOf('x')
  expect(imitates(own)).toBe(true)
  expect(imitates({ ...own, model: { ...own.model, path: '/models/gemma' } })).toBe(true)
  expect(imitates({ ...own, imitation: { ...own.imitation, enabled: false } })).toBe(false)
})

test('a file without a success, and one that is none, are named', async () => {
  const data = join(folder, 'failures.jsonl')
  await writeJsonLines(data, rowsOfTrace(trajectory(0)))
  await expect(imitate(data)).rejects.toThrow(/^imitation\.data: expected at least one successful/)
  rmSync(join(folder, 'run'), { recursive: true })
  writeFileSync(data, '{"observation": 1}\n')
  await expect(imitate(data)).rejects.toThrow(/failures\.jsonl line 1: expected a policy row/)
})
